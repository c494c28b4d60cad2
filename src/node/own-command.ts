import type { Environment } from "./environment.ts";

/** How this program was started, so that a command that is suggested works when it is copied. */
export function ownCommand(env: Environment = process.env): string {
  if (env["npm_command"] === "exec") return "npx tfjs-to-onnx";
  const script = env["npm_command"] === "run" || env["npm_command"] === "run-script";
  return script && env["npm_package_name"] === "tfjs-to-onnx" ? "npm run cli --" : "tfjs-to-onnx";
}

/** An argument as a POSIX shell takes it. */
export function shellQuoted(text: string): string {
  return /^[\w./:=,@%+-]+$/.test(text) ? text : `'${text.replaceAll("'", String.raw`'\''`)}'`;
}
