import { describe, expect, test } from "vitest";

import type { Json } from "../../../src/export/source/json.ts";
import {
  quantizationsOf,
  readGraphWeights,
  readWeights,
  readWeightsManifest,
} from "../../../src/export/source/weights.ts";

const group = (...weights: readonly Json[]): Json => [{ paths: ["w.bin"], weights }];
const spec = (dtype: string, shape: readonly number[], more: Readonly<Record<string, Json>> = {}): Json => ({
  name: "w",
  dtype,
  shape,
  ...more,
});
const bytesOf = (...parts: readonly ArrayBufferView[]): Uint8Array =>
  new Uint8Array(
    Buffer.concat(parts.map(({ buffer, byteOffset, byteLength }) => new Uint8Array(buffer, byteOffset, byteLength))),
  );
const quantized = (dtype: string, scale: Json = 0.5, min: Json = -1): Readonly<Record<string, Json>> => ({
  quantization: { dtype, scale, min },
});

describe("a manifest", () => {
  test("may be absent, and its groups may have no paths", () => {
    expect([readWeightsManifest(undefined), readWeightsManifest(null), readWeightsManifest([])]).toEqual([[], [], []]);
    expect(readWeightsManifest([{ weights: [] }])).toEqual([
      { paths: [], specs: [], byteLength: 0, hasStrings: false },
    ]);
  });

  test("adds up the bytes of its weights as they are stored", () => {
    const [only] = readWeightsManifest(
      group(
        spec("float32", [2, 3]),
        spec("int32", []),
        spec("bool", [5]),
        spec("complex64", [2]),
        spec("string", [3]),
        spec("float32", [3], quantized("uint8")),
        spec("int32", [3], quantized("uint16")),
        spec("float32", [3], quantized("float16")),
        spec("float32", [0, 4]),
      ),
    );
    expect(only?.specs.map(({ byteLength }) => byteLength)).toEqual([24, 4, 5, 16, 12, 3, 6, 6, 0]);
    expect([only?.byteLength, only?.hasStrings, only?.paths]).toEqual([76, true, ["w.bin"]]);
  });

  test("leaves out TensorFlow's :0 at the end of a name", () => {
    const names = ["a:0", "a:1", "a:0/b"].map((name) => spec("bool", [], { name }));
    expect(readWeightsManifest(group(...names))[0]?.specs.map(({ name }) => name)).toEqual(["a", "a:1", "a:0/b"]);
  });

  const WRONG: readonly (readonly [manifest: Json, message: string])[] = [
    [{}, "weightsManifest must be a list"],
    [[1], "weightsManifest[0] must be an object; got 1"],
    [[{ paths: [] }], "weightsManifest[0].weights must be a list"],
    [[{ weights: [], paths: [""] }], "weightsManifest[0].paths must be a list of file names"],
    [[{ weights: [], paths: [1] }], "weightsManifest[0].paths must be a list of file names"],
    [[{ weights: [], paths: "w.bin" }], "weightsManifest[0].paths must be a list of file names"],
    [group(1), "weightsManifest[0].weights[0] must be an object"],
    [group(spec("bool", []), { name: "" }), "weightsManifest[0].weights[1].name must be a name"],
    [group({ name: 1 }), "weightsManifest[0].weights[0].name must be a name; got 1"],
    [group(spec("bool", [-1])), 'weight "w": shape must be a list of sizes'],
    [group(spec("bool", [1.5])), 'weight "w": shape must be a list of sizes'],
    [group({ name: "w", dtype: "bool", shape: 3 }), 'weight "w": shape must be a list of sizes; got 3'],
    [group({ name: "w", dtype: "bool", shape: ["3"] }), 'weight "w": shape must be a list of sizes'],
    [
      group(
        spec(
          "bool",
          Array.from({ length: 33 }, () => 1),
        ),
      ),
      'weight "w": shape must be a list of sizes',
    ],
    [group(spec("float16", [])), 'weight "w": dtype must be float32, int32, bool, string or complex64; got "float16"'],
    [group(spec("float32", [], { quantization: 1 })), 'weight "w": quantization must be an object; got 1'],
    [group(spec("float32", [], quantized("uint4"))), "quantization of float32 must be to uint8, uint16 or float16"],
    [group(spec("int32", [], quantized("float16"))), 'quantization of int32 must be to uint8, uint16; got "float16"'],
    [group(spec("bool", [], quantized("uint8"))), "quantization of bool must be to uint8, uint16; got"],
    [group(spec("float32", [], quantized("uint8", null))), "quantization needs a scale and a min; got null and -1"],
    [group(spec("float32", [], quantized("uint16", 1, "0"))), 'quantization needs a scale and a min; got 1 and "0"'],
    [group(spec("bool", [2 ** 40 + 1])), 'weight "w" claims 1099511627777 bytes'],
    [group(spec("bool", [2 ** 40]), spec("bool", [1])), "weightsManifest[0] claims to hold 1099511627777 bytes"],
  ];
  test.each(WRONG)("%j is refused", (manifest, message) => {
    expect(() => readWeightsManifest(manifest)).toThrow(message);
  });

  test("may hold as much as the limits", () => {
    expect(readWeightsManifest(group(spec("bool", [2 ** 40])))[0]?.byteLength).toBe(2 ** 40);
    expect(
      readWeightsManifest(
        group(
          spec(
            "bool",
            Array.from({ length: 32 }, () => 1),
          ),
        ),
      )[0]?.specs,
    ).toHaveLength(1);
  });
});

describe("weights", () => {
  test("are read wherever they begin, whatever they are stored as", () => {
    const groups = readWeightsManifest(
      group(
        spec("bool", [3]),
        spec("float32", [2]),
        spec("int32", [2]),
        spec("float32", [3], quantized("uint8")),
        spec("float32", [2], quantized("uint16", 0.1, 2)),
        spec("int32", [2], quantized("uint8", 1.3, -2)),
        spec("float32", [2], { quantization: { dtype: "float16" } }),
      ),
    );
    const bytes = bytesOf(
      Uint8Array.of(1, 0, 1),
      Float32Array.of(1.5, -2),
      Int32Array.of(7, -8),
      Uint8Array.of(0, 1, 255),
      Uint16Array.of(0, 65_535),
      Uint8Array.of(0, 3),
      Uint16Array.of(0x3c00, 0xc000),
    );
    const weights = readWeights(groups, bytes);
    expect(weights.map((weight) => weight.read().data)).toEqual([
      Uint8Array.of(1, 0, 1),
      Float32Array.of(1.5, -2),
      Int32Array.of(7, -8),
      Float32Array.of(-1, -0.5, 126.5),
      Float32Array.of(2, 6555.5),
      Int32Array.of(-2, 2),
      Float32Array.of(1, -2),
    ]);
    expect(weights.map((weight) => weight.read().dtype)).toEqual(weights.map(({ dtype }) => dtype));
    const [first] = weights;
    expect(first?.read()).toBe(first?.read());
  });

  test("of the optimizer are passed over", () => {
    const groups = readWeightsManifest(group(spec("int32", [], { group: "optimizer" }), spec("int32", [])));
    const weights = readWeights(groups, bytesOf(Int32Array.of(1, 2)));
    expect(weights.map((weight) => weight.read().data)).toEqual([Int32Array.of(2)]);
  });

  test("of a Graph model may be strings and complex numbers", () => {
    const text = (value: string): Uint8Array => bytesOf(Uint32Array.of(Buffer.byteLength(value)), Buffer.from(value));
    const groups = readWeightsManifest(group(spec("string", [3]), spec("complex64", [2]), spec("bool", [1])));
    const bytes = bytesOf(text("é"), text(""), text("abc"), Float32Array.of(1, 2, 3, 4), Uint8Array.of(1));
    const [strings, complex, bool] = readGraphWeights(groups, bytes).map((weight) => weight.read());
    expect(strings).toEqual({ dtype: "string", dims: [3], data: ["é", "", "abc"] });
    expect(complex).toEqual({
      dtype: "complex64",
      dims: [2],
      real: Float32Array.of(1, 3),
      imaginary: Float32Array.of(2, 4),
    });
    expect(bool?.dtype).toBe("bool");
    for (const dtype of ["string", "complex64"])
      expect(() => readWeights(readWeightsManifest(group(spec(dtype, [0]))), new Uint8Array())).toThrow(
        `weight "w": dtype must be float32, int32 or bool, which TF.js layers have; got "${dtype}"`,
      );
  });

  test.each([
    [7, "the weight data is too short: 7 bytes, where weightsManifest adds up to 8"],
    [9, "the weight data is too long: 9 bytes, where weightsManifest adds up to 8"],
  ])("of %i bytes where there should be 8 are refused", (length, message) => {
    const groups = readWeightsManifest(group(spec("int32", [2])));
    expect(() => readWeights(groups, new Uint8Array(length))).toThrow(message);
  });

  test("that are strings are refused where the file ends within one or goes on after the last", () => {
    const groups = readWeightsManifest(group(spec("string", [1])));
    const of = (length: number, more: number): Uint8Array => bytesOf(Uint32Array.of(length), new Uint8Array(more));
    expect(() => readGraphWeights(groups, of(2, 1))).toThrow("too short: 5 bytes, where weightsManifest adds up to 6");
    expect(() => readGraphWeights(groups, of(1, 2))).toThrow("too long: 6 bytes, where weightsManifest adds up to 5");
    expect(() => readGraphWeights(groups, new Uint8Array(3))).toThrow("too short: 3 bytes");
    const two = readWeightsManifest(group(spec("string", [2])));
    expect(() => readGraphWeights(two, of(3, 4))).toThrow('weight "w": its strings are cut off');
    expect(readGraphWeights(groups, of(2, 2))[0]?.read()).toMatchObject({ data: ["\0\0"] });
  });

  test("are quantised in distinct ways, those of floats", () => {
    const ways = [quantized("uint8"), quantized("uint8"), quantized("uint8", 2), quantized("float16"), {}];
    const groups = readWeightsManifest(
      group(...ways.map((way) => spec("float32", [0], way)), spec("int32", [0], quantized("uint8", 9))),
    );
    expect(quantizationsOf(readWeights(groups, new Uint8Array()))).toEqual([
      { dtype: "uint8", scale: 0.5, min: -1 },
      { dtype: "uint8", scale: 2, min: -1 },
      { dtype: "float16" },
    ]);
  });
});
