import * as tf from "@tensorflow/tfjs";
import { setWasmPaths } from "@tensorflow/tfjs-backend-wasm";
import { describe, test } from "vitest";

import { Random } from "../../src/data/random.ts";
import { exportRaw } from "../../src/export/export-model.ts";
import type { RawModel } from "../../src/export/source/model.ts";
import { inNode } from "../../src/infer/import-package.ts";
import type { Session, Tensors } from "../../src/infer/runtime.ts";
import type { Tensor } from "../../src/tensor.ts";
import { PADDING } from "../../src/train/networks/line.ts";
import { predict, randomizeWeights, rawModelOf, tensorOf } from "../helpers/live-model.ts";
import { expect } from "../helpers/matchers.ts";

import { NETWORKS, type FeedKind, type Network } from "./networks.ts";

/** One row of the table: where models run. */
export interface Place {
  /** Runtime, provider, and what else tells it from the others. */
  readonly name: string;
  /** Takes the TF.js model, or the ONNX file made of it. */
  readonly load: (model: { readonly raw: RawModel; readonly onnx: Uint8Array }) => Promise<Session>;
  /** Software plays a GPU here: small batches, and these networks not at all, but with VITE_PARITY=full. */
  readonly slow?: { readonly leaveOut: readonly string[] };
  /** False where this machine lacks it: then its tests are skipped. */
  readonly available?: boolean;
  /** What `session.runtime` and `session.provider` must say. */
  readonly ran: readonly [string, string];
}

/** What a test tells the reporter; `npm run parity` makes its table of these. */
export interface ParityResult {
  readonly place: string;
  readonly network: string;
  readonly maxAbsDiff: number;
  readonly cases: number;
  readonly elsewhere: readonly string[];
}

declare module "vitest" {
  interface TaskMeta {
    parity?: ParityResult;
  }
}

if (!inNode()) setWasmPaths("/node_modules/@tensorflow/tfjs-backend-wasm/dist/");

const FULL = import.meta.env["VITE_PARITY"] === "full";
const TIMEOUT_MS = FULL ? 600_000 : 120_000;
const BATCHES: readonly number[] = [1, 2, 7];
/** float32 sums in another order: largest difference seen 4e-6 (docs/parity.md). */
const TOLERANCE = { atol: 2e-5, rtol: 1e-5 };

/** Every network gives the numbers of TF.js (its WebAssembly backend) in a place, at every batch size, its free dimensions at several sizes. */
export function expectParityMatrix(place: Place): void {
  describe(`parity with TF.js: ${place.name}`, () => {
    for (const network of NETWORKS) {
      test(
        network.name,
        async ({ task, skip }) => {
          if (place.available === false) skip("this machine lacks it");
          const cases = casesOf(place, network);
          if (cases.length === 0) skip("npm run parity has it");
          task.meta.parity = await expectSameNumbers(place, network, cases);
        },
        TIMEOUT_MS,
      );
    }
  });
}

async function expectSameNumbers(place: Place, network: Network, cases: readonly Case[]): Promise<ParityResult> {
  await tf.setBackend("wasm");
  const model = network.build();
  randomizeWeights(model, 7);
  const raw = await rawModelOf(model);
  const session = await place.load({ raw, onnx: exportRaw(raw, network.exportOptions).bytes });
  expect([session.runtime, session.provider]).toEqual(place.ran);
  expect(session.elsewhere).toHaveLength(session.provider === "webgpu" ? (network.leftToCpu ?? 0) : 0);
  const random = new Random(11);
  let maxAbsDiff = 0;
  for (const { batch, sizes } of cases) {
    const inputs = model.inputs.map((input, index) =>
      feedOf(input.shape, network.feeds[index] ?? "normal", batch, sizes, random),
    );
    const outputs = await session.run(named(session.inputs, inputs));
    const expected = predict(model, inputs.map(liveOf)).map(tensorOf);
    for (const [index, want] of expected.entries()) {
      const got = outputs[session.outputs[index]?.name ?? ""];
      const where = `${network.name}, batch ${batch}, sizes ${sizes.join()}, output ${index}`;
      if (got === undefined) throw new TypeError(`no ${where}`);
      expect(got, where).toMatchTensor(want, TOLERANCE);
      maxAbsDiff = Math.max(maxAbsDiff, largestDifference(got, want));
    }
  }
  await session.dispose();
  model.dispose();
  return { place: place.name, network: network.name, maxAbsDiff, cases: cases.length, elsewhere: session.elsewhere };
}

interface Case {
  readonly batch: number;
  readonly sizes: readonly number[];
}

/** Each batch size with sizes of its own; with VITE_PARITY=full, with all of them. */
function casesOf({ slow }: Place, { name, sizes, large }: Network): Case[] {
  if (FULL) return BATCHES.flatMap((batch) => sizes.map((each) => ({ batch, sizes: each })));
  if (slow?.leaveOut.includes(name) === true) return [];
  const batches = slow === undefined ? BATCHES : BATCHES.slice(0, large === true ? 1 : 2);
  return batches.map((batch, index) => ({ batch, sizes: sizes[index % sizes.length] ?? [] }));
}

function feedOf(
  shape: readonly (number | null)[],
  kind: FeedKind,
  batch: number,
  sizes: readonly number[],
  random: Random,
): Extract<Tensor, { dtype: "float32" }> {
  const free = [...sizes];
  const dims = [batch, ...shape.slice(1).map((dim) => dim ?? free.shift() ?? 1)];
  const length = dims.reduce((size, dim) => size * dim, 1);
  const next = (index: number): number => {
    if (kind === "normal") return random.normal();
    if (kind !== "lines") return random.integer(kind.below);
    const [height = 1, width = 1] = dims.slice(1);
    const isPadded = index >= height * width && index % width >= 0.75 * width;
    return isPadded ? PADDING : random.unit();
  };
  return { dtype: "float32", dims, data: Float32Array.from({ length }, (_, index) => next(index)) };
}

function liveOf({ data, dims }: { readonly data: Float32Array; readonly dims: readonly number[] }): tf.Tensor {
  return tf.tensor(data, [...dims]);
}

function named(inputs: Session["inputs"], tensors: readonly Tensor[]): Tensors {
  return Object.fromEntries(
    inputs.map(({ name }, index) => {
      const tensor = tensors[index];
      if (tensor === undefined) throw new TypeError(`nothing for input ${name}`);
      return [name, tensor];
    }),
  );
}

function largestDifference(got: Tensor, want: Tensor): number {
  let most = 0;
  for (let index = 0; index < want.data.length; index++) {
    most = Math.max(most, Math.abs(Number(got.data[index]) - Number(want.data[index])));
  }
  return most;
}
