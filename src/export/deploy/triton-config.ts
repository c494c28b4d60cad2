import type { DType } from "../../tensor.ts";
import type { ExportedModel, ExportedValue } from "../export-model.ts";

/** Triton's name of each element type. */
const TYPE: Readonly<Record<DType, string>> = {
  bool: "TYPE_BOOL",
  uint8: "TYPE_UINT8",
  uint16: "TYPE_UINT16",
  uint32: "TYPE_UINT32",
  uint64: "TYPE_UINT64",
  int8: "TYPE_INT8",
  int16: "TYPE_INT16",
  int32: "TYPE_INT32",
  int64: "TYPE_INT64",
  float16: "TYPE_FP16",
  float32: "TYPE_FP32",
  float64: "TYPE_FP64",
  string: "TYPE_STRING",
};

/** Rows of one run at most; larger ones gain little on a CPU. */
const MAX_BATCH = 64;
const QUEUE_DELAY_US = 2000;

/**
 * `config.pbtxt` of a model in a repository of NVIDIA Triton: types and sizes; for a model whose rows are free, batches of several
 * requests; a warm-up run where all other sizes are fixed.
 *
 * @source protobuf/model_config.proto of triton-inference-server/common
 */
export function tritonConfig(name: string, { inputs, outputs }: Pick<ExportedModel, "inputs" | "outputs">): string {
  const batches = hasFreeRows([...inputs, ...outputs]);
  const lines = [
    `name: ${quoted(name)}`,
    `backend: "onnxruntime"`,
    `max_batch_size: ${batches ? MAX_BATCH : 0}`,
    ...inputs.map((value) => `input [ { ${valueFields(value, batches)} } ]`),
    ...outputs.map((value) => `output [ { ${valueFields(value, batches)} } ]`),
    ...(batches ? [`dynamic_batching { max_queue_delay_microseconds: ${QUEUE_DELAY_US} }`] : []),
    "instance_group [ { kind: KIND_CPU count: 1 } ]",
    // Each instance on one thread: with more, ONNX Runtime costs up to twice the CPU time a row.
    `parameters { key: "intra_op_thread_count" value: { string_value: "1" } }`,
    "version_policy { latest { num_versions: 1 } }",
    ...warmUp(inputs, batches),
  ];
  return `${lines.join("\n")}\n`;
}

/** Whether the first size of all inputs and outputs is the same free one. */
function hasFreeRows(values: readonly ExportedValue[]): boolean {
  const [rows] = values[0]?.dims ?? [];
  return typeof rows === "string" && values.every(({ dims }) => dims[0] === rows);
}

function valueFields(value: ExportedValue, batches: boolean): string {
  return `name: ${quoted(value.name)} data_type: ${TYPE[value.dtype]} ${dimsField(value, batches)}`;
}

/** Sizes without the rows where Triton adds them. It has no empty list of sizes: a scalar is one element, reshaped. */
function dimsField({ dims }: ExportedValue, batches: boolean): string {
  const own = (batches ? dims.slice(1) : dims).map((dim) => (typeof dim === "number" ? dim : -1));
  return own.length === 0 ? "dims: [ 1 ] reshape { shape: [ ] }" : `dims: [ ${own.join(", ")} ]`;
}

/** Triton says that the model is ready after a first run, which is slower than the others. */
function warmUp(inputs: readonly ExportedValue[], batches: boolean): string[] {
  const sized = inputs.map((input) => ({ ...input, own: batches ? input.dims.slice(1) : input.dims }));
  const free = sized.find(({ own }) => own.some((dim) => typeof dim !== "number"));
  if (free !== undefined) {
    return [
      `# No warm-up: sizes of the input ${quoted(free.name)} are free. Add model_warmup with those of your data.`,
    ];
  }
  if (inputs.length === 0) return [];
  const fields = sized.map(({ name, dtype, own }) => {
    const dims = own.length === 0 ? "dims: [ 1 ]" : `dims: [ ${own.join(", ")} ]`;
    return `inputs { key: ${quoted(name)} value: { data_type: ${TYPE[dtype]} ${dims} zero_data: true } }`;
  });
  return [`model_warmup [ { name: "first" batch_size: ${batches ? 1 : 0} ${fields.join(" ")} } ]`];
}

/** A string of protobuf's text format. */
function quoted(text: string): string {
  return JSON.stringify(text);
}
