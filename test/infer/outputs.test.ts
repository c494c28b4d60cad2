import { afterAll, describe, expect, test } from "vitest";

import type { onnx } from "../../src/onnx/generated/decode.js";
import type { Session } from "../../src/infer/runtime.ts";
import { getRuntime } from "../../src/infer/runtimes.ts";
import { float32 } from "../../src/tensor.ts";
import { decodeOnnx, encodeOnnx } from "../helpers/onnx-proto.ts";
import { tinyOnnx } from "../helpers/tiny-onnx.ts";

const FLOAT = 1;
const INT64 = 7;
const BFLOAT16 = 16;

type Type = onnx.TypeProto.$Properties;
const tensor = (elemType: number): Type => ({ tensorType: { elemType } });
const sequenceOf = (elemType: Type): Type => ({ sequenceType: { elemType } });
const mapOfFloats: Type = { mapType: { keyType: INT64, valueType: tensor(FLOAT) } };

/** A model of `x`, float32 ["n", 2], whose outputs have these types. */
function withOutputs(nodes: readonly onnx.INodeProto[], outputs: Readonly<Record<string, Type | null>>): Uint8Array {
  const { graph, ...model } = decodeOnnx(
    tinyOnnx({ inputs: [{ name: "x", dtype: "float32", dims: ["n", 2] }], outputs: [], nodes: [] }),
  );
  const rest = { ...model, opsetImport: [...(model.opsetImport ?? []), { domain: "ai.onnx.ml", version: 3 }] };
  const output = Object.entries(outputs).map(([name, type]) => ({ name, type }));
  return encodeOnnx({ ...rest, graph: { ...graph, node: [...nodes], output } });
}

const relu = { opType: "Relu", input: ["x"], output: ["y"] };
const split = { opType: "SplitToSequence", input: ["x"], output: ["parts"] };
const toBfloat16 = {
  opType: "Cast",
  input: ["x"],
  output: ["short"],
  attribute: [{ name: "to", type: 2, i: BFLOAT16 }],
};
const zipMap = {
  opType: "ZipMap",
  domain: "ai.onnx.ml",
  input: ["y"],
  output: ["probabilities"],
  attribute: [{ name: "classlabels_strings", type: 8, strings: ["no", "yes"].map((each) => Buffer.from(each)) }],
};
const x = float32(Float32Array.of(1, -2, 3, 4), [2, 2]);
const y = float32(Float32Array.of(1, 0, 3, 4), [2, 2]);

describe.each([await getRuntime("node"), await getRuntime("web")])("outputs on $name", (runtime) => {
  const opened: Session[] = [];
  async function open(bytes: Uint8Array): Promise<{ session: Session; notes: string[] }> {
    const notes: string[] = [];
    const session = await runtime.load(bytes, { onNote: (note) => notes.push(note) });
    opened.push(session);
    return { session, notes };
  }
  afterAll(async () => {
    await Promise.all(opened.map((session) => session.dispose()));
  });

  test("one of no type has the type that ONNX Runtime infers", async () => {
    const shape = { opType: "Shape", input: ["x"], output: ["size"] };
    const { session } = await open(withOutputs([relu, shape], { y: null, size: null }));
    expect(session.outputs).toEqual([
      { name: "y", dtype: "float32", dims: ["n", 2] },
      { name: "size", dtype: "int64", dims: [2] },
    ]);
    expect(await session.run({ x })).toEqual({
      y,
      size: { dtype: "int64", dims: [2], data: BigInt64Array.of(2n, 2n) },
    });
  });

  test.each<[string, onnx.INodeProto, Type, string]>([
    ["parts", split, sequenceOf(tensor(FLOAT)), "a sequence"],
    ["short", toBfloat16, tensor(BFLOAT16), "a tensor of bfloat16"],
  ])("%s, which JavaScript cannot be given, is left out with a note", async (name, node, type, kind) => {
    const { session, notes } = await open(withOutputs([node, relu], { [name]: type, y: tensor(FLOAT) }));
    expect(notes).toEqual([`output "${name}" is left out: JavaScript cannot be given ${kind}`]);
    expect(session.outputs.map((output) => output.name)).toEqual(["y"]);
    expect(await session.run({ x })).toEqual({ y });
    await expect(runtime.load(withOutputs([node], { [name]: type }))).rejects.toThrow(
      `the model has no output that JavaScript can be given: "${name}" is ${kind}`,
    );
  });

  test("the maps of a ZipMap are given as the tensor they are made of", async () => {
    const { session, notes } = await open(
      withOutputs([relu, zipMap], { y: tensor(FLOAT), probabilities: sequenceOf(mapOfFloats) }),
    );
    expect(notes).toEqual(['output "probabilities" is given as a tensor, a column for each of no, yes']);
    expect(await session.run({ x })).toEqual({ y, probabilities: y });
  });
});
