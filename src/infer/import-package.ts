import { SetupError } from "../errors.ts";

/** onnxruntime-node's script would download CUDA's libraries, and fails where it cannot; no package here needs its own. */
const INSTALL = "npm install --ignore-scripts";

/**
 * Import an optional package when it is needed.
 *
 * @throws {SetupError} when it is missing, with the command that installs it; when it does not load, with the reason.
 */
export async function importPackage<Module>(name: string, load: () => Promise<Module>): Promise<Module> {
  try {
    return await load();
  } catch (cause) {
    throw notLoaded(name, cause);
  }
}

/**
 * The error to throw when an optional package does not load. In code that users bundle, `import()` must stand alone in a try block: for a
 * package that is missing there, bundlers print a warning; elsewhere they fail.
 */
export function notLoaded(name: string, cause: unknown): SetupError {
  if (isMissing(cause)) {
    return new SetupError(`the package ${name} is not installed`, { hint: `run: ${INSTALL} ${name}`, cause });
  }
  const reason = cause instanceof Error ? cause.message : String(cause);
  return new SetupError(`the package ${name} does not load: ${reason}`, {
    hint: `install it again: ${INSTALL} ${name}`,
    cause,
  });
}

function isMissing(cause: unknown): boolean {
  if (!(cause instanceof Error) || !("code" in cause)) return false;
  return cause.code === "ERR_MODULE_NOT_FOUND" || cause.code === "MODULE_NOT_FOUND";
}

/** Whether this code runs in Node and not in a browser. */
export function inNode(): boolean {
  return typeof process !== "undefined" && typeof process.versions?.node === "string";
}
