import { afterAll, expect, test } from "vitest";

import { InferenceError } from "../../src/errors.ts";
import type { Session, SessionOptions } from "../../src/infer/runtime.ts";
import type { Tensor } from "../../src/tensor.ts";

import { identity, smallDense, tinyOnnx, unary } from "./tiny-onnx.ts";

const samples: readonly Tensor[] = [
  { dtype: "float32", dims: [3], data: Float32Array.of(1.5, -2, Number.NaN) },
  { dtype: "float64", dims: [3], data: Float64Array.of(1e300, -2, 0) },
  { dtype: "float16", dims: [3], data: Uint16Array.of(0x3c00, 0xc000, 0x7e00) },
  { dtype: "int8", dims: [3], data: Int8Array.of(-128, 0, 127) },
  { dtype: "uint8", dims: [3], data: Uint8Array.of(0, 1, 255) },
  { dtype: "int16", dims: [3], data: Int16Array.of(-32768, 0, 32767) },
  { dtype: "uint16", dims: [3], data: Uint16Array.of(0, 1, 65535) },
  { dtype: "int32", dims: [3], data: Int32Array.of(-(2 ** 31), 0, 2 ** 31 - 1) },
  { dtype: "uint32", dims: [3], data: Uint32Array.of(0, 1, 2 ** 32 - 1) },
  { dtype: "int64", dims: [3], data: BigInt64Array.of(-(2n ** 63n), 0n, 2n ** 53n + 1n) },
  { dtype: "uint64", dims: [3], data: BigUint64Array.of(0n, 1n, 2n ** 64n - 1n) },
  { dtype: "bool", dims: [3], data: Uint8Array.of(0, 1, 1) },
  { dtype: "string", dims: [3], data: ["a", "", "ü"] },
];

/** Loads a model where the suite is to run. */
export type Load = (model: Uint8Array, options?: SessionOptions) => Promise<Session>;

/** What every session promises, whatever runs it: call it inside a `describe`. */
export function expectSessionContract(load: Load): void {
  const opened: Session[] = [];
  async function open(bytes: Uint8Array): Promise<Session> {
    const session = await load(bytes);
    opened.push(session);
    return session;
  }
  afterAll(async () => {
    await Promise.all(opened.map((session) => session.dispose()));
  });

  test.each(samples)("carries $dtype there and back", async (x) => {
    const session = await open(identity(x.dtype));
    expect(await session.run({ x })).toEqual({ y: x });
  });

  test("takes a scalar, and a dimension of no elements", async () => {
    const scalar: Tensor = { dtype: "float32", dims: [], data: Float32Array.of(2.5) };
    expect(await (await open(identity("float32", []))).run({ x: scalar })).toEqual({ y: scalar });
    const none: Tensor = { dtype: "float32", dims: [0, 3], data: new Float32Array() };
    expect(await (await open(identity("float32", ["n", 3]))).run({ x: none })).toEqual({ y: none });
  });

  test.each(["LSTM", "GRU"] as const)(
    "refuses no elements where %s would end the process, and goes on working",
    async (op) => {
      const session = await open(recurrent(op));
      const steps = (batch: number, time: number): Record<string, Tensor> => ({
        x: { dtype: "float32", dims: [time, batch, 3], data: new Float32Array(time * batch * 3) },
      });
      for (const [batch, time] of [
        [0, 2],
        [2, 0],
      ] as const) {
        await expect(session.run(steps(batch, time))).rejects.toThrow(InferenceError);
        await expect(session.run(steps(batch, time))).rejects.toThrow(
          `input "x" has no elements: float32 [${time}, ${batch}, 3]; ONNX Runtime cannot run ${op} on none`,
        );
      }
      expect((await session.run(steps(2, 1)))["y"]?.dims).toEqual([1, 1, 2, 4]);
    },
  );

  test("computes, with several sizes of a free dimension", async () => {
    const session = await open(smallDense());
    expect(session.inputs).toEqual([{ name: "x", dtype: "float32", dims: ["batch", 4] }]);
    expect(session.outputs).toEqual([{ name: "y", dtype: "float32", dims: ["batch", 3] }]);
    for (const batch of [1, 2, 7]) {
      const data = Float32Array.from({ length: batch * 4 }, (_, index) => index);
      const { y } = await session.run({ x: { dtype: "float32", dims: [batch, 4], data } });
      expect(y?.dims).toEqual([batch, 3]);
      // Row b of x is 4b + (0, 1, 2, 3); column 2 of W is (-0.5, 0.25, 1, 1.75).
      expect(Array.from({ length: batch }, (_, b) => Number(y?.data[b * 3 + 2]))).toEqual(
        Array.from({ length: batch }, (_, b) => 4 * b * 2.5 + 0.25 + 2 + 5.25),
      );
    }
  });

  test("takes several inputs and gives several outputs", async () => {
    const session = await open(
      tinyOnnx({
        inputs: [
          { name: "a", dtype: "float32", dims: ["n"] },
          { name: "b", dtype: "float32", dims: ["n"] },
        ],
        outputs: [
          { name: "sum", dtype: "float32", dims: ["n"] },
          { name: "less", dtype: "bool", dims: ["n"] },
        ],
        nodes: [
          { op: "Add", inputs: ["a", "b"], outputs: ["sum"] },
          { op: "Less", inputs: ["a", "b"], outputs: ["less"] },
        ],
      }),
    );
    const a: Tensor = { dtype: "float32", dims: [2], data: Float32Array.of(1, 5) };
    const b: Tensor = { dtype: "float32", dims: [2], data: Float32Array.of(2, 3) };
    expect(await session.run({ b, a })).toEqual({
      sum: { dtype: "float32", dims: [2], data: Float32Array.of(3, 8) },
      less: { dtype: "bool", dims: [2], data: Uint8Array.of(1, 0) },
    });
  });

  test("queues the runs of several callers, each with its own answer", async () => {
    const session = await open(identity("float32"));
    const answers = await Promise.all(
      Array.from({ length: 50 }, (_, index) =>
        session.run({ x: { dtype: "float32", dims: [1], data: Float32Array.of(index) } }),
      ),
    );
    expect(answers.map(({ y }) => Number(y?.data[0]))).toEqual(Array.from({ length: 50 }, (_, index) => index));
  });

  test("loads at the same time as others load", async () => {
    const sessions = await Promise.all(Array.from({ length: 4 }, () => open(smallDense())));
    expect(sessions.map(({ inputs }) => inputs[0]?.name)).toEqual(["x", "x", "x", "x"]);
  });

  test("runs while other sessions load, run and are disposed", async () => {
    const expected = (value: number): Record<string, number> => ({
      Relu: Math.max(value, 0),
      Neg: -value,
      Abs: Math.abs(value),
    });
    const answers = await Promise.all(
      ["Relu", "Neg", "Abs", "Relu", "Neg", "Abs"].map(async (op) => {
        const session = await load(unary(op));
        const runs = [-3, -2, -1, 1, 2].map(async (value) => {
          const { y } = await session.run({ x: { dtype: "float32", dims: [1], data: Float32Array.of(value) } });
          return y?.data[0] === expected(value)[op];
        });
        const right = await Promise.all(runs);
        await session.dispose();
        return right;
      }),
    );
    expect(answers).toEqual(Array.from({ length: 6 }, () => [true, true, true, true, true]));
  });

  const good: Tensor = { dtype: "float32", dims: [1, 4], data: new Float32Array(4) };
  test.each<[string, Record<string, Tensor>, string]>([
    ["a missing input", {}, 'input "x" is missing; got none'],
    ["a wrong name", { image: good }, 'input "x" is missing; got "image"'],
    ["one too many", { x: good, z: good }, 'the model has no input "z"'],
    ["a name of Object's own", { x: good, constructor: good }, 'the model has no input "constructor"'],
    [
      "a wrong dtype",
      { x: { dtype: "int32", dims: [1, 4], data: new Int32Array(4) } },
      'input "x": expected dtype float32; got int32 [1, 4]',
    ],
    [
      "a wrong rank",
      { x: { dtype: "float32", dims: [4], data: new Float32Array(4) } },
      'input "x": expected shape [batch, 4]; got float32 [4]',
    ],
    [
      "a wrong size",
      { x: { dtype: "float32", dims: [1, 5], data: new Float32Array(5) } },
      'input "x": expected shape [batch, 4]; got float32 [1, 5]',
    ],
    [
      "a negative size",
      { x: { dtype: "float32", dims: [-1, 4], data: new Float32Array(4) } },
      'input "x": expected shape [batch, 4]; got float32 [-1, 4]',
    ],
    [
      "too few elements",
      { x: { dtype: "float32", dims: [2, 4], data: new Float32Array(4) } },
      'input "x": a tensor float32 [2, 4] holds 8 elements; got 4 in a Float32Array',
    ],
  ])("refuses %s, and goes on working", async (_, feeds, message) => {
    const session = await open(smallDense());
    await expect(session.run(feeds)).rejects.toThrow(InferenceError);
    await expect(session.run(feeds)).rejects.toThrow(message);
    expect((await session.run({ x: good }))["y"]?.dims).toEqual([1, 3]);
  });

  test("takes tensors of any rank where the model does not say one, but no sizes that cannot be", async () => {
    const value = { dtype: "float32" } as const;
    const session = await open(
      tinyOnnx({
        inputs: [{ name: "x", ...value }],
        outputs: [{ name: "y", ...value }],
        nodes: [{ op: "Identity", inputs: ["x"], outputs: ["y"] }],
      }),
    );
    const x: Tensor = { dtype: "float32", dims: [1, 2, 1], data: Float32Array.of(3, 4) };
    expect(await session.run({ x })).toEqual({ y: x });
    for (const dims of [[-1, -2], [0.5, 4], [0, 2 ** 60], [Number.NaN]]) {
      const data = new Float32Array(dims[0] === 0 ? 0 : 2);
      await expect(session.run({ x: { dtype: "float32", dims, data } })).rejects.toThrow(
        `input "x": expected whole numbers from 0 as sizes; got float32 [${dims.join(", ")}]`,
      );
    }
  });

  test.each(["__proto__", "constructor", "toString", "a=b", "../in/put:0", "ü ☃"])(
    "takes an input %j",
    async (name) => {
      const inputs = [{ name, dtype: "float32", dims: ["n"] }] as const;
      const renamed = [{ name: `${name}'`, dtype: "float32", dims: ["n"] }] as const;
      const nodes = [{ op: "Neg", inputs: [name], outputs: [`${name}'`] }];
      const session = await open(tinyOnnx({ inputs, outputs: renamed, nodes }));
      const x: Tensor = { dtype: "float32", dims: [1], data: Float32Array.of(3) };
      const { data } = (await session.run(Object.fromEntries([[name, x]])))[`${name}'`] ?? { data: [] };
      expect([...data]).toEqual([-3]);
    },
  );

  test("turns a fault of the runtime into a typed one, and goes on working", async () => {
    const session = await open(
      tinyOnnx({
        inputs: [
          { name: "a", dtype: "float32", dims: ["n"] },
          { name: "b", dtype: "float32", dims: ["m"] },
        ],
        outputs: [{ name: "sum", dtype: "float32", dims: ["k"] }],
        nodes: [{ op: "Add", inputs: ["a", "b"], outputs: ["sum"] }],
      }),
    );
    const two: Tensor = { dtype: "float32", dims: [2], data: new Float32Array(2) };
    const three: Tensor = { dtype: "float32", dims: [3], data: new Float32Array(3) };
    await expect(session.run({ a: two, b: three })).rejects.toThrow(/ONNX Runtime failed to run the model: .*2.*3/u);
    expect((await session.run({ a: two, b: two }))["sum"]?.dims).toEqual([2]);
  });

  test("refuses a model with an operator it does not know", async () => {
    const bytes = tinyOnnx({
      inputs: [{ name: "x", dtype: "float32", dims: [1] }],
      outputs: [{ name: "y", dtype: "float32", dims: [1] }],
      nodes: [{ op: "Frobnicate", inputs: ["x"], outputs: ["y"] }],
    });
    await expect(load(bytes)).rejects.toThrow(InferenceError);
    await expect(load(bytes)).rejects.toThrow(/refuses the model: .*Frobnicate/u);
  });

  test("refuses what is not ONNX, and goes on working", async () => {
    const whole = smallDense();
    for (const bytes of [
      new Uint8Array(),
      whole.subarray(0, whole.length - 20),
      new TextEncoder().encode("<html>no model</html>"),
    ]) {
      await expect(load(bytes)).rejects.toThrow(/^not an ONNX file/u);
    }
    expect((await open(whole)).outputs).toHaveLength(1);
  });

  test("refuses a file cut short anywhere, and goes on working", async () => {
    const whole = smallDense();
    const faults = new Set<string>();
    for (let length = 0; length < whole.length; length++) {
      const loading = load(whole.subarray(0, length));
      faults.add(
        await loading.then(disposed, (error: unknown) => (error instanceof InferenceError ? "typed" : String(error))),
      );
    }
    expect([...faults]).toEqual(["typed"]);
    expect((await (await open(whole)).run({ x: good }))["y"]?.dims).toEqual([1, 3]);
  });

  test("refuses to run after dispose, which may be called twice and waits for the runs under way", async () => {
    const session = await load(identity("float32"));
    const x: Tensor = { dtype: "float32", dims: [1], data: Float32Array.of(3) };
    const underWay = session.run({ x });
    await Promise.all([session.dispose(), session.dispose()]);
    expect((await underWay)["y"]).toEqual(x);
    await expect(session.run({ x })).rejects.toThrow("the session was disposed");
  });

  test("reads weights beside the file when they are given, and says so when they are not", async () => {
    const W = Float32Array.of(1, 2, 3);
    const bytes = tinyOnnx({
      inputs: [{ name: "x", dtype: "float32", dims: [3] }],
      outputs: [{ name: "y", dtype: "float32", dims: [3] }],
      nodes: [{ op: "Add", inputs: ["x", "W"], outputs: ["y"] }],
      weights: { W: { dtype: "float32", dims: [3], data: W } },
      external: "weights.data",
    });
    await expect(load(bytes)).rejects.toThrow("weights in files beside it that were not given: weights.data");
    const session = await load(bytes, { externalData: new Map([["weights.data", new Uint8Array(W.buffer)]]) });
    const { y } = await session.run({ x: { dtype: "float32", dims: [3], data: new Float32Array(3) } });
    expect(y?.data).toEqual(W);
    await session.dispose();
  });
}

/** A layer of 4 units on `x`: [time, batch, 3]. */
function recurrent(op: "LSTM" | "GRU"): Uint8Array {
  const rows = op === "LSTM" ? 16 : 12;
  return tinyOnnx({
    inputs: [{ name: "x", dtype: "float32", dims: ["time", "batch", 3] }],
    outputs: [{ name: "y", dtype: "float32", dims: ["time", 1, "batch", 4] }],
    nodes: [{ op, inputs: ["x", "W", "R"], outputs: ["y"], int: { hidden_size: 4 } }],
    weights: {
      W: { dtype: "float32", dims: [1, rows, 3], data: new Float32Array(rows * 3).fill(0.1) },
      R: { dtype: "float32", dims: [1, rows, 4], data: new Float32Array(rows * 4).fill(0.1) },
    },
  });
}

/** A load that should have failed. */
async function disposed(session: Session): Promise<string> {
  await session.dispose();
  return "loaded";
}
