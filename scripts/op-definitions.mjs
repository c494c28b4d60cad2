// Writes src/train/compile/op-definitions.ts: what the step compiler must know of TensorFlow's operations.
//
//   node scripts/op-definitions.mjs FOLDER_WITH_LIBTENSORFLOW
//
// Asks the library itself (TF_GetAllOpList of its C API, called through Python's ctypes) and keeps the operations that
// tfjs-node can call and those that the compiler adds.

import { spawnSync } from "node:child_process";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import path from "node:path";

import protobuf from "protobufjs";

/** Beside what tfjs-node's kernels name: added by the compiler, or called by users through `executeSingleOutput`. */
const ADDED = `Placeholder Const Identity VarHandleOp ReadVariableOp AssignVariableOp DeepCopy
  ResourceApplyGradientDescent ResourceApplyMomentum ResourceApplyAdagrad ResourceApplyRMSProp ResourceApplyAdam
  ResourceApplyAdaMax StatelessRandomUniform StatelessRandomNormal StatelessTruncatedNormal
  MatMul BatchMatMulV2 BiasAdd BiasAddGrad ReluGrad TanhGrad SigmoidGrad EluGrad Relu6Grad LeakyReluGrad SeluGrad
  SoftplusGrad FusedBatchNormV3 FusedBatchNormGradV3 AddN AddV2 Reshape Pack Unpack ConcatV2 Transpose Split SplitV
  CTCLoss CTCLossV2 CTCGreedyDecoder SoftmaxCrossEntropyWithLogits SparseSoftmaxCrossEntropyWithLogits L2Loss Einsum
  Cholesky MatrixInverse MatrixSolve MatrixTriangularSolve MatrixDiagV3 MatrixDiagPartV3 Roll Cumprod LogSoftmax`;

const DUMP = `
import ctypes, os, sys
folder = sys.argv[1]
for name in sorted(os.listdir(folder), reverse=True):
    if name.startswith("libtensorflow_"):
        library = ctypes.CDLL(os.path.join(folder, name), mode=ctypes.RTLD_GLOBAL)
        if name.startswith("libtensorflow_cc"): main = library
class Buffer(ctypes.Structure):
    _fields_ = [("data", ctypes.c_void_p), ("length", ctypes.c_size_t)]
main.TF_GetAllOpList.restype = ctypes.POINTER(Buffer)
main.TF_Version.restype = ctypes.c_char_p
buffer = main.TF_GetAllOpList().contents
sys.stderr.write(main.TF_Version().decode())
sys.stdout.buffer.write(ctypes.string_at(buffer.data, buffer.length))
sys.stdout.flush()
os._exit(0)
`;

/** @param {string} folder */
function dumpOpList(folder) {
  const { status, stdout, stderr, error } = spawnSync("python3", ["-c", DUMP, folder], { maxBuffer: 64 * 1024 * 1024 });
  if (error !== undefined || status !== 0) throw new Error(`python3 failed: ${error?.message ?? stderr.toString()}`);
  return { bytes: stdout, version: stderr.toString().trim().split("\n").at(-1) };
}

/** All capitalised words in tfjs-node's sources: its op names are among them. */
function wordsOfKernels() {
  const folder = path.join(path.dirname(createRequire(import.meta.url).resolve("@tensorflow/tfjs-node")));
  const files = readdirSync(folder, { recursive: true, encoding: "utf8" }).filter(
    (name) => name.endsWith(".js") && !name.includes("_test"),
  );
  return new Set(files.flatMap((name) => readFileSync(path.join(folder, name), "utf8").match(/\b[A-Z]\w+/g) ?? []));
}

/**
 * @typedef {object} Op
 * @property {string} name
 * @property {{ typeAttr: string, numberAttr: string, typeListAttr: string }[]} inputArg
 * @property {{ name: string, type: string, defaultValue: Uint8Array }[]} attr
 * @property {boolean} isStateful
 */

/**
 * `T,N*T,list:Tin` for the inputs, `name:type` for the attributes, `?` after one with a default; `!` if stateful.
 *
 * @param {Op} op
 */
function encode(op) {
  const inputs = op.inputArg.map(({ typeAttr, numberAttr, typeListAttr }) => {
    if (typeListAttr !== "") return `list:${typeListAttr}`;
    return numberAttr === "" ? typeOr(typeAttr) : `${numberAttr}*${typeOr(typeAttr)}`;
  });
  const attributes = op.attr.map(
    ({ name, type, defaultValue }) => `${name}:${type}${defaultValue.length > 0 ? "?" : ""}`,
  );
  return `${inputs.join(",")};${attributes.join(",")}${op.isStateful ? ";!" : ""}`;
}

/**
 * @param {unknown} value
 * @returns {value is Op[]}
 */
function isOps(value) {
  return Array.isArray(value) && value.length > 0;
}

/** @param {string} type */
function typeOr(type) {
  return type === "" ? "-" : type;
}

const folder = process.argv[2];
if (folder === undefined) throw new Error("usage: node scripts/op-definitions.mjs FOLDER_WITH_LIBTENSORFLOW");
const { bytes, version } = dumpOpList(folder);
const schema = path.join(import.meta.dirname, "op-list.proto");
const type = protobuf.loadSync(schema).lookupType("OpList");
const decoded = type.toObject(type.decode(bytes), { defaults: true, arrays: true });
/** @type {unknown} */
const found = decoded["op"];
if (!isOps(found)) throw new Error("the library names no operations");
const all = found;
const wanted = new Set([...wordsOfKernels(), ...ADDED.split(/\s+/)]);
const kept = all.filter(({ name }) => wanted.has(name)).toSorted((a, b) => (a.name < b.name ? -1 : 1));
const lines = kept.map((op) => `  ${op.name}: ${JSON.stringify(encode(op))},`);
writeFileSync(
  path.join(import.meta.dirname, "../src/train/compile/op-definitions.ts"),
  `/**
 * Inputs and attributes of TensorFlow ${version}'s operations, written by scripts/op-definitions.mjs.
 * \`inputs;attributes\`, and \`;!\` if stateful. An input is the attribute that holds its type (\`-\` if the type is fixed),
 * \`N*T\` for N of them; \`?\` marks an attribute with a default.
 */
export const OP_DEFINITIONS: Readonly<Record<string, string>> = {
${lines.join("\n")}
};
`,
);
console.log(`${kept.length} of ${all.length} operations of TensorFlow ${version}`);
