import { expect, test } from "vitest";

import { kserveService } from "../../src/export/deploy/kserve-service.ts";
import { tritonConfig } from "../../src/export/deploy/triton-config.ts";

test("a model of free rows batches in Triton, and its sizes go without the rows", () => {
  const config = tritonConfig("crnn", {
    inputs: [{ name: "image", dtype: "float32", dims: ["batch", 28, 28, 1] }],
    outputs: [
      { name: "softmax", dtype: "float32", dims: ["batch", 10] },
      { name: 'la"bel', dtype: "string", dims: ["batch"] },
    ],
  });
  expect(config).toBe(`name: "crnn"
backend: "onnxruntime"
max_batch_size: 64
input [ { name: "image" data_type: TYPE_FP32 dims: [ 28, 28, 1 ] } ]
output [ { name: "softmax" data_type: TYPE_FP32 dims: [ 10 ] } ]
output [ { name: "la\\"bel" data_type: TYPE_STRING dims: [ 1 ] reshape { shape: [ ] } } ]
dynamic_batching { max_queue_delay_microseconds: 2000 }
instance_group [ { kind: KIND_CPU count: 1 } ]
parameters { key: "intra_op_thread_count" value: { string_value: "1" } }
version_policy { latest { num_versions: 1 } }
model_warmup [ { name: "first" batch_size: 1 inputs { key: "image" value: { data_type: TYPE_FP32 dims: [ 28, 28, 1 ] zero_data: true } } } ]
`);
});

test("a model of fixed rows does not, nor one whose outputs have others", () => {
  const fixed = tritonConfig("fixed", {
    inputs: [{ name: "x", dtype: "int32", dims: [2, 3] }],
    outputs: [{ name: "y", dtype: "float16", dims: [2] }],
  });
  expect(fixed).toContain('max_batch_size: 0\ninput [ { name: "x" data_type: TYPE_INT32 dims: [ 2, 3 ] } ]');
  expect(fixed).not.toContain("dynamic_batching");
  const mixed = tritonConfig("mixed", {
    inputs: [{ name: "x", dtype: "float32", dims: ["batch", "width"] }],
    outputs: [{ name: "y", dtype: "float32", dims: [] }],
  });
  expect(mixed).toContain("dims: [ -1, -1 ]");
  expect(mixed).toContain("dims: [ 1 ] reshape { shape: [ ] }");
  expect(mixed).toContain('# No warm-up: sizes of the input "x" are free');
});

test("an InferenceService has a name that Kubernetes takes, and memory for the weights", () => {
  const yaml = kserveService({ name: "9_Crnn.v2", storageUri: "s3://bucket/a b", byteLength: 100 * 2 ** 20 });
  expect(yaml).toMatch(/^ {2}name: model-9-crnn-v2$/m);
  expect(yaml).toMatch(/storageUri: "s3:\/\/bucket\/a b"/);
  expect(yaml).toMatch(/requests:\n {10}cpu: "1"\n {10}memory: 896Mi/);
});
