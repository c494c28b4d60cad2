import type { ExportedModel, ExportedTap } from "../../export/export-model.ts";
import type { Session, Tensors } from "../../infer/runtime.ts";
import type { Tensor } from "../../tensor.ts";
import { compareTensors, type Tolerance } from "../compare.ts";
import { knownDifference, type NanIn } from "../known-differences.ts";
import type { Reference, Watch } from "../reference/reference.ts";

/** The first layer or node, in the order they are computed, whose output differs. */
export interface FirstDifference {
  /** The layer's path through nested models (`encoder/conv1`), or the node's name. */
  readonly layer: string;
  /** Class of the layer, or operator of the node. */
  readonly className: string;
  /** Which of the layer's calls, in the order they are computed (0-based). */
  readonly call: number;
  readonly maxAbsDiff: number;
  /** What the layer's output was compared with. */
  readonly comparedWith: "tfjs" | "a fresh export";
  /** Why the two differ, where that is a known fault of ONNX Runtime and not of the file. */
  readonly known?: string;
}

/** An export that gives the outputs of all layers, or nodes. */
export type Probe = Pick<ExportedModel, "bytes" | "layers" | "taps">;

/**
 * Runs an export that gives every layer's output beside TF.js, and finds the first that differs.
 *
 * @param watch Called before each layer that TF.js runs.
 * @param open Loads an ONNX file in the place that showed the difference.
 * @returns null when all layers agree: then the file is not what this exporter makes of the model.
 */
export async function firstDifference(
  { bytes, layers, taps }: Probe,
  reference: Reference,
  feeds: Tensors,
  open: (bytes: Uint8Array) => Promise<Session>,
  tolerance: Tolerance,
  watch: Watch,
): Promise<FirstDifference | null> {
  const wanted = taps ?? [];
  const expected = await reference.trace(feeds, wanted, watch);
  const actual = await runOnce(bytes, feeds, open);
  for (const [index, tap] of wanted.entries()) {
    const [got, want] = [actual[tap.name], expected[index]];
    if (got === undefined || want === undefined || want === null) continue;
    const { passed, maxAbsDiff } = compareTensors(got, want, tolerance);
    if (passed) continue;
    const className = layers.find(({ path }) => path === tap.path)?.className ?? "layer";
    const nanIn = sideWithNan(got, want);
    return describe(tap, className, maxAbsDiff, nanIn === null ? null : knownDifference(className, nanIn));
  }
  return null;
}

function describe(
  { path, occurrence }: ExportedTap,
  className: string,
  maxAbsDiff: number,
  known: string | null,
): FirstDifference {
  const where = { layer: path, className, call: occurrence, maxAbsDiff, comparedWith: "tfjs" as const };
  return known === null ? where : { ...where, known };
}

/** The side that alone has a NaN somewhere; null where there is none, or it is now one side and now the other. */
function sideWithNan(actual: Tensor, expected: Tensor): NanIn | null {
  if (actual.dtype !== "float32" || expected.dtype !== "float32") return null;
  const got = actual.data;
  const inTfjs = expected.data.some((want, index) => Number.isNaN(want) && !Number.isNaN(got[index]));
  const inFile = expected.data.some((want, index) => !Number.isNaN(want) && Number.isNaN(got[index]));
  if (inTfjs === inFile) return null;
  return inTfjs ? "tfjs" : "file";
}

async function runOnce(
  bytes: Uint8Array,
  feeds: Tensors,
  open: (bytes: Uint8Array) => Promise<Session>,
): Promise<Tensors> {
  const session = await open(bytes);
  try {
    return await session.run(feeds);
  } finally {
    await session.dispose();
  }
}
