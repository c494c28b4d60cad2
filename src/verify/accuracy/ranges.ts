import type { ActivationRange } from "../../export/precision/activations.ts";
import { getRuntime } from "../../infer/runtimes.ts";
import { ELEMENT_TYPE } from "../../onnx/element-type.ts";
import { readOnnx } from "../../onnx/read.ts";
import { ModelEditor } from "../../onnx/rewrite.ts";

import type { Samples } from "./samples.ts";

/** Finite numbers of float16 go to 65,504; half of that leaves room for inputs that were not seen. */
const LARGEST = 65_504 / 2;

/**
 * The range of every float32 tensor that a node of the outermost graph makes, and of the inputs.
 *
 * @throws {InferenceError} when onnxruntime-node refuses the file or the samples
 */
export async function rangesOf(onnx: Uint8Array, samples: Samples): Promise<ReadonlyMap<string, ActivationRange>> {
  const { graph } = readOnnx(onnx);
  const named = new Set(graph.outputs.map(({ name }) => name));
  const made = new Set(graph.nodes.flatMap(({ outputs }) => outputs));
  const inner = graph.valueInfo.filter(
    ({ name, type }) =>
      type.kind === "tensor" && type.elementType === ELEMENT_TYPE.float32 && made.has(name) && !named.has(name),
  );
  const outputs = inner.map(({ name }) => ({ name, elementType: ELEMENT_TYPE.float32 }));
  const runtime = await getRuntime("node");
  const session = await runtime.load(new ModelEditor(onnx).addOutputs(outputs).finish());
  const ranges = new Map<string, { min: number; max: number }>();
  try {
    for (const feeds of samples.batches()) {
      for (const [name, { dtype, data }] of [...Object.entries(feeds), ...Object.entries(await session.run(feeds))]) {
        if (dtype !== "float32") continue;
        const range = ranges.get(name) ?? { min: Infinity, max: -Infinity };
        for (const value of data) {
          if (value < range.min) range.min = value;
          if (value > range.max) range.max = value;
        }
        ranges.set(name, range);
      }
    }
  } finally {
    await session.dispose();
  }
  return ranges;
}

/** Nodes whose numbers come too near to the largest of float16. */
export function nodesTooLargeForHalf(
  onnx: Uint8Array,
  ranges: ReadonlyMap<string, ActivationRange>,
): readonly string[] {
  const isTooLarge = (name: string): boolean => {
    const range = ranges.get(name);
    return range !== undefined && Math.max(-range.min, range.max) > LARGEST;
  };
  const { nodes } = readOnnx(onnx).graph;
  return nodes.filter(({ inputs, outputs }) => [...inputs, ...outputs].some(isTooLarge)).map(({ name }) => name);
}
