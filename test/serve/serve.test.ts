import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { deflateSync, gzipSync } from "node:zlib";

import { afterAll, beforeAll, describe, expect, test } from "vitest";

import { renderedDigits } from "../../src/data/digits/rendered-digits.ts";
import { getRuntime } from "../../src/infer/index.ts";
import type { Session } from "../../src/infer/runtime.ts";
import { inference } from "../../src/serve/proto/generated/inference.js";
import { methods } from "../../src/serve/proto/messages.ts";
import { encodeGreyPng } from "../../src/node/png.ts";
import { float32 } from "../../src/tensor.ts";
import { runCommand } from "../helpers/command.ts";
import { identity, smallDense, tinyOnnx } from "../helpers/tiny-onnx.ts";

import { GrpcClient, inside, numbersIn, openServer, type TestServer } from "./open-server.ts";

const root = resolve(import.meta.dirname, "../..");
const folder = mkdtempSync(join(tmpdir(), "tfjs-to-onnx-serve-"));
const digits = join(root, "models", "crnn-mnist-best", "model.onnx");

let server: TestServer;
let grpc: GrpcClient;
let session: Session;

function write(name: string, bytes: Uint8Array): string {
  const path = join(folder, name);
  mkdirSync(resolve(path, ".."), { recursive: true });
  writeFileSync(path, bytes);
  return path;
}

/** Of two inputs that need not have the same number of rows by their names. */
const pair = tinyOnnx({
  inputs: [
    { name: "a", dtype: "float32", dims: ["batch", 2] },
    { name: "b", dtype: "float32", dims: ["batch", 2] },
  ],
  outputs: [
    { name: "sum", dtype: "float32", dims: ["batch", 2] },
    { name: "difference", dtype: "float32", dims: ["batch", 2] },
  ],
  nodes: [
    { op: "Add", inputs: ["a", "b"], outputs: ["sum"] },
    { op: "Sub", inputs: ["a", "b"], outputs: ["difference"] },
  ],
});

/** Says that it keeps rows, but gives the sum of them. */
const total = tinyOnnx({
  inputs: [{ name: "x", dtype: "float32", dims: ["batch", 2] }],
  outputs: [{ name: "y", dtype: "float32", dims: ["batch", 2] }],
  nodes: [{ op: "ReduceMax", inputs: ["x"], outputs: ["y"], ints: { axes: [0] } }],
});

const DTYPES = [
  "BOOL",
  "UINT8",
  "UINT16",
  "UINT32",
  "UINT64",
  "INT8",
  "INT16",
  "INT32",
  "INT64",
  "FP16",
  "FP32",
  "FP64",
  "BYTES",
];
const NAMES = [
  "bool",
  "uint8",
  "uint16",
  "uint32",
  "uint64",
  "int8",
  "int16",
  "int32",
  "int64",
  "float16",
  "float32",
  "float64",
  "string",
] as const;

beforeAll(async () => {
  for (const [index, dtype] of NAMES.entries()) write(`types/${DTYPES[index]}/model.onnx`, identity(dtype, ["n"]));
  server = await openServer({
    models: [
      digits,
      `dense=${write("dense.onnx", smallDense())}`,
      `pair=${write("pair.onnx", pair)}`,
      `total=${write("total.onnx", total)}`,
      `plane=${write("plane.onnx", identity("float32", ["rows", "columns"]))}`,
      join(folder, "types"),
    ],
  });
  grpc = new GrpcClient(server.grpc);
  session = await (await getRuntime("node")).load(readFileSync(digits), { threads: 1 });
});

afterAll(async () => {
  grpc.close();
  await server.close(5000);
  await session.dispose();
  rmSync(folder, { recursive: true });
});

interface HttpAnswer {
  readonly status: number;
  readonly json: unknown;
  readonly headers: Headers;
}

async function http(path: string, init: RequestInit = {}): Promise<HttpAnswer> {
  const response = await fetch(`${server.http}${path}`, init);
  const text = await response.text();
  const json: unknown = text === "" ? null : JSON.parse(text);
  return { status: response.status, json, headers: response.headers };
}

function post(path: string, body: unknown, headers: Readonly<Record<string, string>> = {}): Promise<HttpAnswer> {
  return http(path, { method: "POST", body: typeof body === "string" ? body : JSON.stringify(body), headers });
}

/** A body in the binary form. */
function binary(
  request: unknown,
  ...tensors: readonly Uint8Array[]
): { readonly body: Uint8Array<ArrayBuffer>; readonly headers: Record<string, string> } {
  const json = Buffer.from(JSON.stringify(request));
  return {
    body: Uint8Array.from(Buffer.concat([json, ...tensors])),
    headers: { "Inference-Header-Content-Length": String(json.length) },
  };
}

function bytesOf(data: ArrayBufferView): Uint8Array {
  return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
}

/** Random pictures [N, 28, 28, 1], and what the model gives for them by itself. */
async function pictures(count: number): Promise<{ readonly data: Float32Array; readonly want: Uint8Array }> {
  const data = Float32Array.from({ length: count * 784 }, () => Math.random());
  const output = session.outputs[0]?.name ?? "";
  const { [output]: want } = await session.run({ image: float32(data, [count, 28, 28, 1]) });
  if (want?.dtype !== "float32") throw new Error("no answer");
  return { data, want: bytesOf(want.data) };
}

const image = (count: number, data: Float32Array): Record<string, unknown> => ({
  name: "image",
  datatype: "FP32",
  shape: [count, 28, 28, 1],
  parameters: { binary_data_size: data.byteLength },
});

const infer = "/v2/models/crnn-mnist-best/infer";

describe("inference", () => {
  test("over HTTP in the binary form gives the bits of onnxruntime", async () => {
    const { data, want } = await pictures(3);
    const { body, headers } = binary(
      { id: "7", inputs: [image(3, data)], parameters: { binary_data_output: true } },
      bytesOf(data),
    );
    for (const [encoding, sent] of [
      ["", body],
      ["gzip", gzipSync(body)],
      ["deflate", deflateSync(body)],
    ] as const) {
      const extra: Record<string, string> = encoding === "" ? {} : { "Content-Encoding": encoding };
      const response = await fetch(`${server.http}${infer}`, {
        method: "POST",
        body: Uint8Array.from(sent),
        headers: { ...headers, ...extra },
      });
      expect(response.status).toBe(200);
      const got = Buffer.from(await response.arrayBuffer());
      const end = Number(response.headers.get("inference-header-content-length"));
      const answer: unknown = JSON.parse(got.subarray(0, end).toString());
      expect(answer).toMatchObject({
        model_name: "crnn-mnist-best",
        model_version: "1",
        id: "7",
        outputs: [{ datatype: "FP32", shape: [3, 10], parameters: { binary_data_size: 120 } }],
      });
      expect(got.subarray(end).equals(want)).toBe(true);
    }
  });

  test("over HTTP in JSON gives the same numbers, flat or nested", async () => {
    const { data, want } = await pictures(2);
    const input = { name: "image", datatype: "FP32", shape: [2, 28, 28, 1] };
    const rows = [0, 1].map((n) =>
      Array.from({ length: 28 }, (_, y) => Array.from({ length: 28 }, (__, x) => [data[(n * 28 + y) * 28 + x]])),
    );
    for (const values of [[...data], rows]) {
      const { status, json } = await post(infer, { inputs: [{ ...input, data: values }] });
      expect([status, json]).toMatchObject([200, { outputs: [{ datatype: "FP32", shape: [2, 10] }] }]);
      const numbers = numbersIn(inside(json, "outputs", 0, "data"));
      expect(Buffer.from(bytesOf(Float32Array.from(numbers))).equals(want)).toBe(true);
    }
  });

  test("over gRPC gives the same bits, raw and in typed lists", async () => {
    const { data, want } = await pictures(2);
    const input = { name: "image", datatype: "FP32", shape: [2, 28, 28, 1] };
    const raw = await grpc.call(methods.modelInfer, {
      modelName: "crnn-mnist-best",
      id: "a",
      inputs: [input],
      rawInputContents: [bytesOf(data)],
    });
    expect(raw).toMatchObject({ code: 0, message: { modelName: "crnn-mnist-best", modelVersion: "1", id: "a" } });
    if (!("message" in raw)) throw new Error(raw.details);
    expect(Buffer.from(raw.message.rawOutputContents?.[0] ?? []).equals(want)).toBe(true);
    const listed = await grpc.call(methods.modelInfer, {
      modelName: "crnn-mnist-best",
      inputs: [{ ...input, contents: { fp32Contents: [...data] } }],
    });
    if (!("message" in listed)) throw new Error(listed.details);
    const values = listed.message.outputs?.[0]?.contents?.fp32Contents ?? [];
    expect(Buffer.from(bytesOf(Float32Array.from(values))).equals(want)).toBe(true);
  });

  test("over a gRPC stream answers in order, and keeps nothing of a request that was answered", async () => {
    const warnings: string[] = [];
    const warned = ({ name, message }: Error): void => void warnings.push(`${name}: ${message}`);
    process.on("warning", warned);
    const { path, request, response } = methods.modelStreamInfer;
    const stream = grpc.client.makeBidiStreamRequest(path, request.encode, response.decode);
    const answers: unknown[] = [];
    stream.on("data", (answer: unknown) => {
      answers.push([inside(answer, "inferResponse", "id"), inside(answer, "errorMessage")]);
    });
    const ended = new Promise((done) => void stream.once("end", done));
    for (let id = 0; id < 100; id++) {
      stream.write({
        modelName: id === 40 ? "nope" : "dense",
        id: `${id}`,
        inputs: [{ name: "x", datatype: "FP32", shape: [1, 4] }],
        rawInputContents: [new Uint8Array(16)],
      });
    }
    stream.end();
    await ended;
    const want: unknown[] = Array.from({ length: 100 }, (_, id) => [`${id}`, ""]);
    want[40] = ["40", expect.stringContaining("no model is called") as unknown];
    expect(answers).toEqual(want);
    process.off("warning", warned);
    expect(warnings).toEqual([]);
  });

  test("takes the bytes of a model's only input alone, and answers in the binary form", async () => {
    const raw = async (model: string, body: Uint8Array): Promise<{ status: number; json: unknown; bytes: Buffer }> => {
      const response = await fetch(`${server.http}/v2/models/${model}/infer`, {
        method: "POST",
        body: Uint8Array.from(body),
        headers: { "Inference-Header-Content-Length": "0" },
      });
      const whole = Buffer.from(await response.arrayBuffer());
      const end = Number(response.headers.get("inference-header-content-length") ?? whole.length);
      const json: unknown = JSON.parse(whole.subarray(0, end).toString());
      return { status: response.status, json, bytes: whole.subarray(end) };
    };
    const floats = Buffer.from(Float32Array.of(1, 2, 3, 4, 5, 6, 7, 8).buffer);
    const two = await post("/v2/models/dense/infer", {
      inputs: [{ name: "x", datatype: "FP32", shape: [2, 4], data: [1, 2, 3, 4, 5, 6, 7, 8] }],
    });
    const dense = await raw("dense", floats);
    expect(Array.from(new Float32Array(Uint8Array.from(dense.bytes).buffer))).toEqual(
      numbersIn(inside(two.json, "outputs", 0, "data")).map(Math.fround),
    );
    expect(inside(dense.json, "outputs", 0, "shape", 0)).toBe(2);
    expect(await raw("BYTES", Buffer.from("grün"))).toMatchObject({
      json: { outputs: [{ shape: [1] }] },
      bytes: Buffer.concat([Buffer.from([5, 0, 0, 0]), Buffer.from("grün")]),
    });
    expect(await raw("dense", floats.subarray(0, 15))).toMatchObject({ status: 400 });
    expect(await raw("pair", floats)).toMatchObject({
      status: 400,
      json: { error: expect.stringContaining("one input; this one has 2") as unknown },
    });
    expect(await raw("plane", floats)).toMatchObject({ status: 200, json: { outputs: [{ shape: [1, 8] }] } });
  });

  test("answers HEAD, and paths that end with a slash", async () => {
    expect((await fetch(`${server.http}/v2/health/ready`, { method: "HEAD" })).status).toBe(200);
    expect(await http("/v2/models/dense/versions/1/")).toMatchObject({ status: 200, json: { name: "dense" } });
    expect(await http("/v2/models/dense/infer", { method: "HEAD" })).toMatchObject({ status: 404 });
  });

  test("compresses an answer for those who accept it", async () => {
    const values = Array.from({ length: 4000 }, (_, index) => index);
    const response = await fetch(`${server.http}/v2/models/INT32/infer`, {
      method: "POST",
      body: JSON.stringify({ inputs: [{ name: "x", datatype: "INT32", shape: [4000], data: values }] }),
      headers: { "Accept-Encoding": "gzip" },
    });
    expect(response.headers.get("content-encoding")).toBe("gzip");
    expect(await response.json()).toMatchObject({ outputs: [{ data: values }] });
  });

  test("runs requests together that fit, and gives each its own rows", async () => {
    const sent = Array.from({ length: 40 }, (_, index) => [index, -index, 0.5, 1]);
    const before = await stats("dense");
    const answers = await Promise.all(
      sent.map(async (row, index) => {
        const rows = 1 + (index % 3);
        const data = Array.from({ length: rows }, () => row).flat();
        return post("/v2/models/dense/infer", { inputs: [{ name: "x", datatype: "FP32", shape: [rows, 4], data }] });
      }),
    );
    const alone = await (await getRuntime("node")).load(smallDense());
    for (const [index, { status, json }] of answers.entries()) {
      expect(status).toBe(200);
      const rows = 1 + (index % 3);
      const { y } = await alone.run({ x: float32(Float32Array.from(sent[index] ?? []), [1, 4]) });
      if (y?.dtype !== "float32") throw new Error("no answer");
      expect(json).toMatchObject({
        outputs: [{ shape: [rows, 3], data: Array.from({ length: rows }, () => [...y.data]).flat() }],
      });
    }
    await alone.dispose();
    const after = await stats("dense");
    expect(after.rows - before.rows).toBe(79);
    expect(after.runs - before.runs).toBeLessThan(sent.length);
  });

  test("keeps the outputs that are asked for, by each of several requests that run together", async () => {
    const inputs = ["a", "b"].map((name) => ({
      name,
      datatype: "FP32",
      shape: [1, 2],
      data: name === "a" ? [3, 4] : [1, 2],
    }));
    const [both, one, swapped] = await Promise.all([
      post("/v2/models/pair/infer", { inputs }),
      post("/v2/models/pair/infer", { inputs, outputs: [{ name: "difference" }] }),
      post("/v2/models/pair/infer", {
        inputs: inputs.toReversed(),
        outputs: [{ name: "difference" }, { name: "sum" }],
      }),
    ]);
    expect(both.json).toMatchObject({
      outputs: [
        { name: "sum", data: [4, 6] },
        { name: "difference", data: [2, 2] },
      ],
    });
    expect(one.json).toEqual({
      model_name: "pair",
      model_version: "1",
      outputs: [{ name: "difference", datatype: "FP32", shape: [1, 2], data: [2, 2] }],
    });
    expect(swapped.json).toMatchObject({
      outputs: [
        { name: "difference", data: [2, 2] },
        { name: "sum", data: [4, 6] },
      ],
    });
  });

  test("gives an output twice to one who asks for it twice, in both forms", async () => {
    const row = { datatype: "FP32", shape: [1, 2], data: [1, 2] };
    const inputs = [
      { ...row, name: "a" },
      { ...row, name: "b" },
    ];
    const outputs = [{ name: "sum", parameters: { binary_data: true } }, { name: "sum" }];
    const response = await fetch(`${server.http}/v2/models/pair/infer`, {
      method: "POST",
      body: JSON.stringify({ inputs, outputs }),
    });
    const body = Buffer.from(await response.arrayBuffer());
    const end = Number(response.headers.get("inference-header-content-length"));
    expect(JSON.parse(body.subarray(0, end).toString())).toMatchObject({
      outputs: [
        { name: "sum", parameters: { binary_data_size: 8 } },
        { name: "sum", data: [2, 4] },
      ],
    });
    expect(body.subarray(end).equals(bytesOf(Float32Array.of(2, 4)))).toBe(true);
  });

  test("runs requests one at a time where a model mixes rows", async () => {
    const ask = (value: number) =>
      post("/v2/models/total/infer", { inputs: [{ name: "x", datatype: "FP32", shape: [1, 2], data: [value, 0] }] });
    const answers = await Promise.all([1, 2, 3, 4].map(ask));
    expect(answers.map(({ json }) => json)).toMatchObject(
      [1, 2, 3, 4].map((value) => ({ outputs: [{ shape: [1, 2], data: [value, 0] }] })),
    );
    expect(server.log.some(({ msg }) => typeof msg === "string" && msg.includes("run one at a time"))).toBe(true);
  });

  /** A tensor of each type: its values in JSON, or their text where only an answer can have them, or null where JSON has none; its bytes. */
  const samples: readonly (readonly [string, readonly unknown[] | string | null, ArrayBufferView])[] = [
    ["BOOL", [true, false], Uint8Array.of(1, 0)],
    ["UINT8", [0, 255], Uint8Array.of(0, 255)],
    ["UINT16", [0, 65_535], Uint16Array.of(0, 65_535)],
    ["UINT32", [0, 4_294_967_295], Uint32Array.of(0, 4_294_967_295)],
    ["UINT64", [0, 9_007_199_254_740_991], BigUint64Array.of(0n, 9_007_199_254_740_991n)],
    ["UINT64", "[0,18446744073709551615]", BigUint64Array.of(0n, 2n ** 64n - 1n)],
    ["INT8", [-128, 127], Int8Array.of(-128, 127)],
    ["INT16", [-32_768, 32_767], Int16Array.of(-32_768, 32_767)],
    ["INT32", [-2_147_483_648, 2_147_483_647], Int32Array.of(-2_147_483_648, 2_147_483_647)],
    ["INT64", [-9_007_199_254_740_991, 3], BigInt64Array.of(-9_007_199_254_740_991n, 3n)],
    ["INT64", "[-9223372036854775808,9223372036854775807]", BigInt64Array.of(-(2n ** 63n), 2n ** 63n - 1n)],
    ["FP16", null, Uint16Array.of(0x3c00, 0x7e00)],
    ["FP32", [0.5, Math.fround(0.1)], Float32Array.of(0.5, 0.1)],
    ["FP32", "[-0,1]", Float32Array.of(-0, 1)],
    ["FP32", null, Float32Array.of(Number.NaN, Infinity)],
    ["FP64", [0.1, 1e300], Float64Array.of(0.1, 1e300)],
    ["BYTES", ["ä", ""], Uint8Array.of(2, 0, 0, 0, 0xc3, 0xa4, 0, 0, 0, 0)],
  ];

  test.each(samples)("%s comes back as it went in: %j", async (datatype, values, data) => {
    const bytes = bytesOf(data);
    const input = { name: "x", datatype, shape: [2] };
    const sized = { ...input, parameters: { binary_data_size: bytes.length } };
    const path = `/v2/models/${datatype}/infer`;
    const asked = binary({ inputs: [sized], outputs: [{ name: "y", parameters: { binary_data: true } }] }, bytes);
    const response = await fetch(`${server.http}${path}`, { method: "POST", ...asked });
    const got = Buffer.from(await response.arrayBuffer());
    expect(got.subarray(Number(response.headers.get("inference-header-content-length"))).equals(bytes)).toBe(true);
    const raw = await grpc.call(methods.modelInfer, {
      modelName: datatype,
      inputs: [input],
      rawInputContents: [bytes],
    });
    if (!("message" in raw)) throw new Error(raw.details);
    expect(Buffer.from(raw.message.rawOutputContents?.[0] ?? []).equals(bytes)).toBe(true);
    const plain = await fetch(`${server.http}${path}`, { method: "POST", ...binary({ inputs: [sized] }, bytes) });
    expect([plain.status, await plain.text()]).toEqual([
      values === null ? 406 : 200,
      expect.stringContaining(
        values === null
          ? "which JSON cannot"
          : `"data":${typeof values === "string" ? values : JSON.stringify(values)}`,
      ),
    ]);
    if (typeof values === "string" || values === null) return;
    const { json } = await post(path, { inputs: [{ ...input, data: values }] });
    expect(inside(json, "outputs", 0)).toEqual({ name: "y", datatype, shape: [2], data: values });
  });

  const lists: readonly (readonly [string, inference.InferTensorContents.$Properties])[] = [
    ["BOOL", { boolContents: [true, false] }],
    ["UINT8", { uintContents: [0, 255] }],
    ["INT8", { intContents: [-128, 127] }],
    ["INT64", { int64Contents: [-5, 2 ** 40] }],
    ["UINT64", { uint64Contents: [5, { low: -1, high: -1, unsigned: true }] }],
    ["FP64", { fp64Contents: [0.1, Number.NaN] }],
    ["BYTES", { bytesContents: [Uint8Array.of(65), new Uint8Array()] }],
  ];

  test.each(lists)("%s in a typed list over gRPC comes back in one", async (datatype, contents) => {
    const inputs = [{ name: "x", datatype, shape: [2], contents }];
    const answer = await grpc.call(methods.modelInfer, { modelName: datatype, inputs });
    if (!("message" in answer)) throw new Error(answer.details);
    const bytes = (message: inference.InferTensorContents.$Properties) =>
      Buffer.from(inference.InferTensorContents.encode(message).finish()).toString("hex");
    expect(bytes(answer.message.outputs?.[0]?.contents ?? {})).toBe(bytes(contents));
  });
});

async function stats(name: string): Promise<{ readonly rows: number; readonly runs: number }> {
  const { json } = await http(`/v2/models/${name}/stats`);
  const [rows = 0, runs = 0] = ["inference_count", "execution_count"].map((key) =>
    Number(inside(json, "model_stats", 0, key)),
  );
  return { rows, runs };
}

describe("what is refused", () => {
  const x = { name: "x", datatype: "FP32", shape: [1, 4], data: [1, 2, 3, 4] };
  const withLast = (value: string): string => JSON.stringify({ inputs: [x] }).replace("4]}", `${value}]}`);
  const cases: readonly (readonly [string, unknown, number, RegExp])[] = [
    ["no JSON", "{", 400, /not JSON/],
    ["lists nested so deep that JSON.parse would take minutes", "[".repeat(500), 400, /nested deeper than 400/],
    [
      "a number that is too large for JSON",
      withLast("1e400"),
      400,
      /expected numbers that FP32 can hold; got Infinity/,
    ],
    ["a number that is too large for its type", withLast("1e39"), 400, /numbers that FP32 can hold; got 1e\+39/],
    ["no inputs", {}, 400, /"inputs" must be a list/],
    ["an unknown input", { inputs: [{ ...x, name: "z" }] }, 400, /no input "z".*takes x: FP32 \[batch, 4\]/],
    [
      "a name of two million characters",
      { inputs: [{ ...x, name: "z".repeat(2e6) }] },
      400,
      /^the model has no input "z{200,250} \[1999\d\d\d more characters\] z+" \(dense version 1 takes/,
    ],
    [
      "an output 1,000 times",
      { inputs: [x], outputs: Array.from({ length: 1000 }, () => ({ name: "y" })) },
      400,
      /1000 outputs are asked/,
    ],
    ["an input twice", { inputs: [x, x] }, 400, /given twice/],
    ["a missing input", { inputs: [] }, 400, /"x" missing/],
    ["another type", { inputs: [{ ...x, datatype: "INT32" }] }, 400, /expected FP32; got INT32/],
    ["an unknown type", { inputs: [{ ...x, datatype: "FP8" }] }, 400, /unknown datatype "FP8"/],
    ["another shape", { inputs: [{ ...x, shape: [2, 2] }] }, 400, /expected the shape \[batch, 4\]; got \[2, 2\]/],
    ["a negative size", { inputs: [{ ...x, shape: [-1, 4] }] }, 400, /whole numbers from 0/],
    ["too few values", { inputs: [{ ...x, data: [1] }] }, 400, /has 4 elements; got 1/],
    ["too many values", { inputs: [{ ...x, data: [1, 2, 3, 4, 5] }] }, 400, /has 4 elements; got 5/],
    ["text for a number", { inputs: [{ ...x, data: [1, 2, 3, "4"] }] }, 400, /expected numbers; got "4"/],
    ["no data", { inputs: [{ ...x, data: undefined }] }, 400, /"data" is a list/],
    [
      "bytes that are not there",
      { inputs: [{ ...x, data: undefined, parameters: { binary_data_size: 16 } }] },
      400,
      /has 16 bytes .* but 0 are left/,
    ],
    ["an unknown output", { inputs: [x], outputs: [{ name: "z" }] }, 400, /no output "z".*it has y/],
    ["a sequence", { inputs: [x], parameters: { sequence_id: 3 } }, 501, /sequences/],
    ["shared memory", { inputs: [{ ...x, parameters: { shared_memory_region: "r" } }] }, 501, /shared memory/],
  ];

  test.each(cases)("%s", async (_, body, status, message) => {
    const answer = await post("/v2/models/dense/infer", body);
    expect(answer).toMatchObject({ status, json: { error: expect.stringMatching(message) as unknown } });
  });

  test.each([
    ["/v2/models/nope/infer", 404, /no model is called "nope"/],
    ["/v2/models/dense/versions/2/infer", 404, /no version "2".*versions: 1/],
    ["/v2/models/..%2f..%2fetc%2fpasswd/infer", 404, /no model is called/],
    [`/v2/models/${"n".repeat(200)}/infer`, 414, /Bad Request|too long/],
    ["/v2/models/__proto__/infer", 404, /no model is called/],
    ["/nope", 404, /there is no POST/],
  ])("%s", async (path, status, message) => {
    expect(await post(path, { inputs: [x] })).toMatchObject({
      status,
      json: { error: expect.stringMatching(message) as unknown },
    });
  });

  test("numbers that a type has not, strings that are no UTF-8, bytes that are cut short or left over", async () => {
    const one = (datatype: string, value: unknown) =>
      post(`/v2/models/${datatype}/infer`, { inputs: [{ name: "x", datatype, shape: [1], data: [value] }] });
    for (const [datatype, value] of [
      ["UINT8", 256],
      ["INT32", 0.5],
      ["INT64", 2 ** 53],
      ["BOOL", 2],
      ["BYTES", 1],
    ] as const) {
      expect(await one(datatype, value)).toMatchObject({ status: 400 });
    }
    const raw = async (datatype: string, bytes: Uint8Array, size = bytes.length): Promise<unknown> => {
      const { body, headers } = binary(
        { inputs: [{ name: "x", datatype, shape: [1], parameters: { binary_data_size: size } }] },
        bytes,
      );
      return (await http(`/v2/models/${datatype}/infer`, { method: "POST", body, headers })).json;
    };
    expect(await raw("BYTES", Uint8Array.of(1, 0, 0, 0, 0xff))).toMatchObject({
      error: expect.stringContaining("not UTF-8") as unknown,
    });
    expect(await raw("BYTES", Uint8Array.of(9, 0, 0, 0, 65))).toMatchObject({
      error: expect.stringContaining("cut short") as unknown,
    });
    expect(await raw("FP32", new Uint8Array(3))).toMatchObject({
      error: expect.stringContaining("3 bytes, which is not 4") as unknown,
    });
    expect(await raw("FP32", new Uint8Array(8), 4)).toMatchObject({
      error: expect.stringContaining("4 bytes are left") as unknown,
    });
    expect(await raw("BOOL", Uint8Array.of(2))).toMatchObject({ error: expect.stringContaining("0 or 1") as unknown });
  });

  test("a body that is too long, before and after decompression, and one that is no gzip", async () => {
    const long = Buffer.alloc(2 ** 22 + 1, 32);
    const statuses = await Promise.all(
      [
        { body: long },
        { body: gzipSync(long), headers: { "Content-Encoding": "gzip" } },
        { body: Buffer.from("no gzip"), headers: { "Content-Encoding": "gzip" } },
        { body: gzipSync("{}").subarray(0, 12), headers: { "Content-Encoding": "gzip" } },
        { body: Buffer.from("{}"), headers: { "Content-Encoding": "br" } },
      ].map(async ({ body, headers }) => {
        const sent = { method: "POST", body: Uint8Array.from(body), ...(headers && { headers }) };
        return (await http("/v2/models/dense/infer", sent)).status;
      }),
    );
    expect(statuses).toEqual([413, 413, 400, 400, 415]);
    // A fault of a body that nobody reads must not end the server.
    const unread = await http("/v2", { headers: { "Content-Encoding": "gzip" } });
    expect(unread.status).toBe(200);
  });

  test("a size that ONNX Runtime does not take, in a shape without elements", async () => {
    const inputs = [{ name: "x", datatype: "FP32", shape: [2 ** 33, 0], data: [] }];
    const { status, json } = await post("/v2/models/plane/infer", { inputs });
    expect([status, inside(json, "error")]).toEqual([
      400,
      expect.stringContaining("whole numbers from 0 to 2147483647"),
    ]);
    const empty = await post("/v2/models/plane/infer", { inputs: [{ ...inputs[0], shape: [0, 5] }] });
    expect(empty).toMatchObject({ status: 200, json: { outputs: [{ shape: [0, 5], data: [] }] } });
  });

  test("over gRPC, by status", async () => {
    const input = { name: "x", datatype: "FP32", shape: [1, 4] };
    const bytes = bytesOf(new Float32Array(4));
    const ask = (message: object) =>
      grpc.call(methods.modelInfer, { modelName: "dense", inputs: [input], rawInputContents: [bytes], ...message });
    expect(await ask({ modelName: "nope" })).toMatchObject({ code: 5 });
    expect(await ask({ rawInputContents: [bytes, bytes] })).toMatchObject({
      code: 3,
      details: expect.stringContaining("2 entries for 1 inputs") as unknown,
    });
    expect(await ask({ rawInputContents: [bytes.subarray(1)] })).toMatchObject({ code: 3 });
    expect(await ask({ inputs: [{ ...input, shape: [1, 5] }] })).toMatchObject({ code: 3 });
    expect(await ask({ outputs: [{ name: "z" }] })).toMatchObject({ code: 3 });
    // A status that is longer than a client takes headers would never arrive.
    expect(await ask({ inputs: [{ ...input, name: "名".repeat(100_000) }] })).toMatchObject({ code: 3 });
    expect(await ask({ parameters: { sequence_id: { int64Param: 4 } } })).toMatchObject({ code: 12 });
    expect(await ask({ rawInputContents: [new Uint8Array(2 ** 22 + 1)] })).toMatchObject({ code: 8 });
    expect(await grpc.call(methods.modelMetadata, { name: "nope" })).toMatchObject({ code: 5 });
    expect(await ask({})).toMatchObject({ code: 0 });
  });

  test("a request that ends in the middle of its body does no harm", async () => {
    const { hostname, port } = new URL(server.http);
    await new Promise<void>((done) => {
      const socket = connect(Number(port), hostname, () => {
        socket.write("POST /v2/models/dense/infer HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{");
        setTimeout(() => socket.destroy(), 20);
      });
      socket.on("close", () => done());
    });
    expect(await post("/v2/models/dense/infer", { inputs: [x] })).toMatchObject({ status: 200 });
  });
});

describe("what a server says of itself", () => {
  test("health, readiness, metadata, configuration, index, statistics, metrics over HTTP", async () => {
    expect(await http("/v2/health/live")).toMatchObject({ status: 200 });
    expect(await http("/v2/health/ready")).toMatchObject({ status: 200 });
    expect((await http("/v2")).json).toMatchObject({
      name: "tfjs-to-onnx",
      extensions: expect.arrayContaining(["binary_tensor_data"]) as unknown,
    });
    expect(await http("/v2/models/dense/ready")).toMatchObject({ status: 200 });
    expect(await http("/v2/models/nope/ready")).toMatchObject({ status: 503 });
    expect((await http("/v2/models/dense/versions/1")).json).toEqual({
      name: "dense",
      versions: ["1"],
      platform: "onnxruntime_onnx",
      inputs: [{ name: "x", datatype: "FP32", shape: [-1, 4] }],
      outputs: [{ name: "y", datatype: "FP32", shape: [-1, 3] }],
    });
    expect((await http("/v2/models/dense/config")).json).toMatchObject({
      max_batch_size: 64,
      input: [{ data_type: "TYPE_FP32", dims: [4] }],
    });
    const index = await post("/v2/repository/index", { ready: true });
    expect(index.json).toEqual(expect.arrayContaining([{ name: "BYTES", version: "1", state: "READY", reason: "" }]));
    const text = await (await fetch(`${server.http}/metrics`)).text();
    expect(text).toMatch(/^tfjs_to_onnx_requests_total\{model="dense",protocol="http",outcome="ok"\} [1-9]/m);
    expect(text).toMatch(/^tfjs_to_onnx_batch_rows_bucket\{le="64",model="dense",version="1"\} [1-9]/m);
    expect(text).toMatch(/^process_cpu_seconds_total/m);
  });

  test("the same over gRPC", async () => {
    expect(await grpc.call(methods.serverLive, {})).toMatchObject({ message: { live: true } });
    expect(await grpc.call(methods.serverReady, {})).toMatchObject({ message: { ready: true } });
    expect(await grpc.call(methods.modelReady, { name: "dense" })).toMatchObject({ message: { ready: true } });
    expect(await grpc.call(methods.modelReady, { name: "nope" })).toMatchObject({ message: { ready: false } });
    expect(await grpc.call(methods.serverMetadata, {})).toMatchObject({ message: { name: "tfjs-to-onnx" } });
    expect(await grpc.call(methods.modelMetadata, { name: "dense" })).toMatchObject({
      message: { versions: ["1"], inputs: [{ name: "x", datatype: "FP32" }] },
    });
    expect(await grpc.call(methods.modelConfig, { name: "dense" })).toMatchObject({
      message: { config: { maxBatchSize: 64, input: [{ dataType: 11 }] } },
    });
    expect(await grpc.call(methods.repositoryIndex, {})).toMatchObject({
      message: {
        models: expect.arrayContaining([expect.objectContaining({ name: "dense", state: "READY" })]) as unknown,
      },
    });
    expect(await grpc.call(methods.modelStatistics, { name: "dense" })).toMatchObject({
      message: { modelStats: [{ name: "dense", version: "1" }] },
    });
  });
});

/** What `infer` prints, but for the path, which a request has not. */
function withoutInput(printed: unknown): unknown {
  return typeof printed === "object" && printed !== null ? { ...printed, input: undefined } : printed;
}

test("reads a picture as infer does", async () => {
  const digit = renderedDigits({ split: "test", seed: 3, count: 1 });
  const png = encodeGreyPng(Uint8Array.from(digit.pixels(0)), 28, 28);
  const said = runCommand(["infer", write("digit.png", png), "--json"]);
  const want: unknown = JSON.parse(said.stdout);
  const response = await http("/v2/models/crnn-mnist-best/read", {
    method: "POST",
    body: Uint8Array.from(png),
    headers: { "Content-Type": "image/png" },
  });
  expect(response.status).toBe(200);
  expect(response.json).toEqual(withoutInput(want));
  const { default: sharp } = await import("sharp");
  const jpeg = await sharp(png).resize(280, 280).jpeg().toBuffer();
  expect(
    (await http("/v2/models/crnn-mnist-best/read", { method: "POST", body: Uint8Array.from(jpeg) })).json,
  ).toMatchObject({ text: String(digit.labels[0]) });
  const bad = [png.subarray(0, 60), new TextEncoder().encode("no picture")];
  for (const body of bad) {
    expect(
      await http("/v2/models/crnn-mnist-best/read", { method: "POST", body: Uint8Array.from(body) }),
    ).toMatchObject({ status: 422, json: { error: expect.any(String) as unknown } });
  }
  expect(await http("/v2/models/crnn-mnist-best/read", { method: "POST" })).toMatchObject({ status: 400 });
  expect(await http("/v2/models/dense/read", { method: "POST", body: Uint8Array.from(png) })).toMatchObject({
    status: 400,
    json: { error: expect.stringContaining("reads no pictures") as unknown },
  });
});
