import { Random } from "../data/random.ts";
import { exportSource, type ExportOptions } from "../export/export-model.ts";
import type { LayersSource, RawModel } from "../export/source/model.ts";
import { getRuntime } from "../infer/runtimes.ts";
import type { Provider, RuntimeName, Session } from "../infer/runtime.ts";
import type { LoadNative } from "../infer/tfjs-backend.ts";

import type { Tolerance } from "./compare.ts";
import { randomFeeds, type FeedSpec } from "./feeds.ts";
import { fileDifference } from "./file-difference.ts";
import { firstDifference, type FirstDifference } from "./first-difference.ts";
import { inputDomains } from "./input-domains.ts";
import { loadReference, type LayersReference } from "./tfjs-reference.ts";
import { verify, type Verification, type VerifyRun } from "./verify.ts";

/** A runtime, and the provider there; without one the runtime's own default. */
export interface Target {
  readonly runtime: RuntimeName;
  readonly provider?: Provider;
}

export interface VerifyModelOptions {
  readonly targets: readonly Target[];
  readonly tolerance: Tolerance;
  readonly batches: readonly number[];
  readonly seed: number;
  /** How the file was exported. */
  readonly exportOptions?: ExportOptions;
  /** Backend of TF.js; without it WebAssembly, and plain JavaScript for what that lacks. */
  readonly referenceProvider?: Provider;
  readonly loadNative?: LoadNative;
}

export interface ModelVerification extends Verification {
  /** Where the two part, when they do and it can be said. */
  readonly firstDifference?: FirstDifference;
}

/**
 * Compare an ONNX file with the TF.js model it was made of, on random inputs.
 *
 * @throws {SetupError} when TF.js or a runtime is not installed.
 * @throws {InferenceError} when either side refuses its model.
 */
export async function verifyModel(
  raw: RawModel,
  source: LayersSource,
  onnx: Uint8Array,
  options: VerifyModelOptions,
): Promise<ModelVerification> {
  const { exportOptions = {}, tolerance } = options;
  const reference = await loadReference(raw, {
    ...(exportOptions.outputs === undefined ? {} : { outputs: exportOptions.outputs }),
    ...(options.referenceProvider === undefined ? {} : { provider: options.referenceProvider }),
    ...(options.loadNative === undefined ? {} : { loadNative: options.loadNative }),
  });
  const sessions: Session[] = [];
  try {
    for (const target of options.targets) sessions.push(await open(onnx, target));
    const specs = feedSpecs(sessions[0], source);
    const verification = await verify(reference, sessions, specs, {
      tolerance,
      batches: options.batches,
      seed: options.seed,
      softmaxMissing: exportOptions.logits === true,
    });
    const failed = verification.runs.findIndex(({ outputs }) => outputs.some(({ passed }) => !passed));
    const run = verification.runs[failed];
    if (run === undefined) return verification;
    const target = options.targets[Math.floor((failed * options.targets.length) / verification.runs.length)];
    const found = await locate(source, onnx, reference, specs, run, target ?? { runtime: "node" }, options);
    return found === null ? verification : { ...verification, firstDifference: found };
  } finally {
    reference.dispose();
    await Promise.all(sessions.map((session) => session.dispose()));
  }
}

async function open(onnx: Uint8Array, { runtime, provider }: Target): Promise<Session> {
  const loader = await getRuntime(runtime);
  return loader.load(onnx, provider === undefined ? {} : { provider });
}

function feedSpecs(session: Session | undefined, source: LayersSource): FeedSpec[] {
  const domains = inputDomains(source);
  return (session?.inputs ?? []).map(({ name, dtype, dims }) => {
    const index = source.model.inputs.findIndex(({ layer }) => layer === name);
    return { name, dtype, dims, domain: domains[index] ?? { kind: "normal" } };
  });
}

/** The layer where the two part: in a fresh export beside TF.js, else between the file and a fresh export. */
async function locate(
  source: LayersSource,
  onnx: Uint8Array,
  reference: LayersReference,
  specs: readonly FeedSpec[],
  run: VerifyRun,
  target: Target,
  { exportOptions = {}, tolerance, seed }: VerifyModelOptions,
): Promise<FirstDifference | null> {
  const sizes = new Map([["batch", run.batch], ...Object.entries(run.sizes)]);
  const feeds = randomFeeds(specs, sizes, new Random(seed));
  const load = (bytes: Uint8Array): Promise<Session> => open(bytes, target);
  const inModel = await firstDifference(source, exportOptions, feeds, reference.layerOutputs, load, tolerance);
  if (inModel !== null) return inModel;
  const inFile = await fileDifference(onnx, exportSource(source, exportOptions).bytes, feeds, load, tolerance);
  if (inFile === null) return null;
  const cut = inFile.tensor.lastIndexOf("/");
  const layer = cut === -1 ? inFile.tensor : inFile.tensor.slice(0, cut);
  const spec = source.model.layers.find(({ name }) => name === layer);
  return { layer, className: spec?.className ?? inFile.opType, maxAbsDiff: inFile.maxAbsDiff };
}
