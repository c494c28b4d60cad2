import * as tf from "@tensorflow/tfjs";
import * as ortNode from "onnxruntime-node";
import * as ortWeb from "onnxruntime-web";

import { exportRaw, type ExportedModel, type ExportOptions } from "../../src/export/export-model.ts";
import { onnx } from "../../src/onnx/generated/decode.js";
import type { RawModel } from "../../src/export/source/model.ts";
import type { Ort } from "../../src/infer/ort-session.ts";
import { fromOrt, toOrt } from "../../src/infer/ort-tensor.ts";

import { evaluateDim } from "./dim-expression.ts";
import { keepExport } from "./keep-export.ts";
import { predict, rawModelOf, tensorOf } from "./live-model.ts";
import { expect } from "./matchers.ts";
import { decodeOnnx } from "./onnx-proto.ts";

export { predict, randomizeWeights, rawModelOf, tensorOf } from "./live-model.ts";

tf.enableProdMode();
ortWeb.env.wasm.numThreads = 1;
ortWeb.env.logLevel = "error";

type TestRuntime = "node" | "web";

const RUNTIMES: Readonly<Record<TestRuntime, { readonly ort: Ort; readonly provider: string }>> = {
  node: { ort: ortNode, provider: "cpu" },
  web: { ort: ortWeb, provider: "wasm" },
};

export interface ParityOptions {
  /** Where to run; both, without it. */
  readonly runtimes?: readonly TestRuntime[];
  /** Largest difference allowed; 1e-5 without it. */
  readonly atol?: number;
  readonly rtol?: number;
  readonly exportOptions?: ExportOptions;
  /** Run the first sample by itself as well; true unless the model fixes its batch size. */
  readonly single?: boolean;
  /** Change the saved model before it is exported, e.g. to write it in another dialect. */
  readonly edit?: (raw: RawModel) => RawModel;
  /** What is expected instead of TF.js's answer, which cannot load every dialect. */
  readonly expected?: (inputs: readonly tf.Tensor[]) => tf.Tensor[];
}

/** What was exported, for assertions about the graph. */
export interface ParityResult {
  readonly exported: ExportedModel;
  /** Operators of the graph in order, those in bodies of loops after the node that has them. */
  readonly ops: readonly string[];
  readonly graph: onnx.GraphProto;
}

/**
 * Export a live model and check that ONNX Runtime gives TF.js's numbers (within `atol + rtol · |expected|`), for the given
 * inputs and for their first sample alone. test/export/opset.test.ts tries the opsets other than the default.
 */
export async function expectParity(
  model: tf.LayersModel,
  inputs: tf.Tensor | readonly tf.Tensor[],
  options: ParityOptions = {},
): Promise<ParityResult> {
  const saved = await rawModelOf(model);
  const exported = exportRaw(options.edit?.(saved) ?? saved, options.exportOptions);
  keepExport(exported);
  const batches = [isTensor(inputs) ? [inputs] : inputs];
  const single = options.single ?? model.inputs.every(({ shape }) => shape[0] === null);
  if (single) batches.push((batches[0] ?? []).map((input) => input.slice(0, 1)));
  const cases = batches.map((batch) => ({ batch, expected: options.expected?.(batch) ?? predict(model, batch) }));
  for (const runtime of options.runtimes ?? (["node", "web"] as const))
    await compareOn(runtime, exported, cases, options);
  const { graph } = decodeOnnx(exported.bytes);
  if (!(graph instanceof onnx.GraphProto)) throw new TypeError("the exported file has no graph");
  return { exported, ops: opsOf(graph), graph };
}

interface Case {
  readonly batch: readonly tf.Tensor[];
  readonly expected: readonly tf.Tensor[];
}

async function compareOn(
  runtime: TestRuntime,
  exported: ExportedModel,
  cases: readonly Case[],
  options: ParityOptions,
): Promise<void> {
  const { ort, provider } = RUNTIMES[runtime];
  const session = await ort.InferenceSession.create(exported.bytes, {
    executionProviders: [provider],
    logSeverityLevel: 3,
    intraOpNumThreads: 1,
    interOpNumThreads: 1,
    extra: { session: { strict_shape_type_inference: "1" } },
  });
  try {
    for (const { batch, expected } of cases) {
      const feeds = Object.fromEntries(
        exported.inputs.map(({ name }, index) => {
          const input = batch[index];
          if (input === undefined) throw new TypeError(`no input for ${name}`);
          return [name, toOrt(ort.Tensor, tensorOf(input))];
        }),
      );
      const results = await session.run(feeds);
      expect(exported.outputs).toHaveLength(expected.length);
      for (const [index, { name }] of exported.outputs.entries()) {
        const result = results[name];
        const want = expected[index];
        if (result === undefined || want === undefined) throw new TypeError(`no output ${name}`);
        expectDeclared(exported, index, batch, result.dims);
        const tolerance = { atol: options.atol ?? 1e-5, rtol: options.rtol ?? 0 };
        expect(fromOrt(result, name), `${name} on ${runtime}, opset ${exported.opset}`).toMatchTensor(
          tensorOf(want),
          tolerance,
        );
      }
    }
  } finally {
    await session.release();
  }
}

/** The shape that ran is the declared one, with symbols meaning what they mean in the inputs. */
function expectDeclared(
  { inputs, outputs }: ExportedModel,
  output: number,
  fed: readonly tf.Tensor[],
  dims: readonly number[],
): void {
  const symbols = new Map<string, number>();
  inputs.forEach((input, index) => {
    input.dims.forEach((dim, axis) => {
      if (typeof dim === "string") symbols.set(dim, fed[index]?.shape[axis] ?? Number.NaN);
    });
  });
  const declared = outputs[output]?.dims ?? [];
  expect(
    declared.map((dim) => (typeof dim === "string" ? evaluateDim(dim, symbols) : dim)),
    `declared [${declared.join()}]`,
  ).toEqual(dims);
}

function isTensor(value: tf.Tensor | readonly tf.Tensor[]): value is tf.Tensor {
  return value instanceof tf.Tensor;
}

function opsOf(graph: onnx.GraphProto.$Properties): string[] {
  return (graph.node ?? []).flatMap((node) => [
    node.opType ?? "",
    ...(node.attribute ?? []).flatMap(({ g }) => (g === null || g === undefined ? [] : opsOf(g))),
  ]);
}
