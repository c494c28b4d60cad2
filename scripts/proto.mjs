// Generate src/export/onnx/proto.js and proto.d.ts from onnx.proto: a static module, so that nothing is compiled
// at run time (a content security policy may forbid it).
import { spawnSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));
const folder = join(root, "src", "export", "onnx");
const tools = join(root, "node_modules", "protobufjs-cli", "bin");

/**
 * @param {string} tool
 * @param {string[]} args
 */
function run(tool, args) {
  const { status } = spawnSync(process.execPath, [join(tools, tool), ...args], { cwd: folder, stdio: "inherit" });
  if (status !== 0) process.exit(status ?? 1);
}

const lean = ["--no-create", "--no-verify", "--no-convert", "--no-delimited", "--no-typeurl", "--no-service"];
run("pbjs", [
  "-t",
  "static-module",
  "-w",
  "es6",
  "-r",
  "tfjs-to-onnx",
  "--force-number",
  "--dependency",
  "protobufjs/minimal.js",
  ...lean,
  "-o",
  "proto.js",
  "onnx.proto",
]);
run("pbts", ["-o", "proto.d.ts", "proto.js"]);

const script = join(folder, "proto.js");
const source = readFileSync(script, "utf8");
writeFileSync(script, source.replace(/import \* as \$protobuf from/, "import $protobuf from"));

const types = join(folder, "proto.d.ts");
writeFileSync(types, readFileSync(types, "utf8").replace('import Long = require("long");\n', ""));
