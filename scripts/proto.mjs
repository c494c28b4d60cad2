// Generate protobufjs's static modules from the .proto files. Static, so that nothing is compiled at run time, which a
// content security policy may forbid. Each module has only what its users need: to write, to read, or both.
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));
const tools = join(root, "node_modules", "protobufjs-cli", "bin");

const MINIMAL = "protobufjs/minimal.js";

/** @type {readonly { readonly schema: string, readonly module: string, readonly without?: string, readonly dependency?: string }[]} */
const MODULES = [
  {
    schema: "src/onnx/onnx.proto",
    module: "src/onnx/generated/encode",
    without: "--no-decode",
    dependency: "../protobuf-writer.js",
  },
  { schema: "src/onnx/onnx.proto", module: "src/onnx/generated/decode", without: "--no-encode" },
  { schema: "src/train/proto/event.proto", module: "src/train/proto/generated/event", without: "--no-decode" },
  {
    schema: "src/train/proto/saved-model.proto",
    module: "src/train/proto/generated/saved-model",
    without: "--no-decode",
  },
  { schema: "src/serve/proto/inference.proto", module: "src/serve/proto/generated/inference" },
  { schema: "src/serve/proto/health.proto", module: "src/serve/proto/generated/health" },
];

const OPTIONS =
  "--target static-module --wrap es6 --es6 --no-create --no-verify --no-convert --no-delimited --no-typeurl --no-service".split(
    " ",
  );

/** What is used of the class of the package "long", which protobufjs reads 64-bit integers as. */
const LONG = `interface Long {
    readonly low: number;
    readonly high: number;
    readonly unsigned: boolean;
}
`;

/**
 * @param {string} tool
 * @param {readonly string[]} args
 */
function run(tool, args) {
  const { status } = spawnSync(process.execPath, [join(tools, tool), ...args], { cwd: root, stdio: "inherit" });
  if (status !== 0) process.exit(status ?? 1);
}

const work = mkdtempSync(join(tmpdir(), "tfjs-to-onnx-proto-"));
try {
  for (const { schema, module, without, dependency = MINIMAL } of MODULES) {
    const commented = join(work, "commented.js");
    const types = join(work, "types.d.ts");
    const script = join(work, "script.js");
    const options = [...OPTIONS, "--dependency", dependency, "--root", `tfjs-to-onnx/${module}`];
    if (without !== undefined) options.push(without);
    // The types come from comments, which the module itself can do without.
    run("pbjs", [...options, "--out", commented, schema]);
    run("pbts", ["--out", types, commented]);
    run("pbjs", [...options, "--no-comments", "--out", script, schema]);
    mkdirSync(dirname(join(root, module)), { recursive: true });
    writeFileSync(join(root, `${module}.js`), readFileSync(script, "utf8"));
    writeFileSync(
      join(root, `${module}.d.ts`),
      readFileSync(types, "utf8").replace('import Long = require("long");\n', LONG),
    );
  }
} finally {
  rmSync(work, { recursive: true, force: true });
}
