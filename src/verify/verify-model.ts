import { exportSource, type ExportedLayer, type ExportOptions } from "../export/export-model.ts";
import { fetchesOf, requestedLayers } from "../export/requested-outputs.ts";
import type { LayersSource, RawModel } from "../export/source/model.ts";
import { getRuntime } from "../infer/runtimes.ts";
import type { Provider, RuntimeName, Session } from "../infer/runtime.ts";
import type { LoadNative } from "../infer/tfjs-backend.ts";
import type { Tensor } from "../tensor.ts";

import type { Tolerance } from "./compare.ts";
import type { FeedSpec } from "./feeds.ts";
import { fileDifference } from "./file-difference.ts";
import { firstDifference, type FirstDifference } from "./first-difference.ts";
import { inputDomains } from "./input-domains.ts";
import { loadReference, type LayersReference, type Part } from "./tfjs-reference.ts";
import type { Trace } from "./trace.ts";
import { verify, type Verification } from "./verify.ts";

/** A runtime, and the provider there; without one the runtime's own default. */
export interface Target {
  readonly runtime: RuntimeName;
  readonly provider?: Provider | "auto";
  /** Load a model there, for places that take more than this room knows of; without it the plain runtime does. */
  readonly load?: (onnx: Uint8Array) => Promise<Session>;
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
  source.checkWeights();
  const reference = await loadReference(raw, source, {
    ...(exportOptions.outputs === undefined ? {} : { part: partOf(source, exportOptions, exportOptions.outputs) }),
    ...(options.referenceProvider === undefined ? {} : { provider: options.referenceProvider }),
    ...(options.loadNative === undefined ? {} : { loadNative: options.loadNative }),
  });
  const sessions: Session[] = [];
  try {
    for (const target of options.targets) sessions.push(await open(onnx, target));
    const specs = feedSpecs(sessions[0], source);
    const { verification, failure } = await verify(reference, sessions, specs, {
      tolerance,
      batches: options.batches,
      seed: options.seed,
      softmaxMissing: exportOptions.logits === true,
    });
    if (failure === null) return verification;
    const target = options.targets[sessions.indexOf(failure.session)] ?? { runtime: "node" };
    const found = await locate(source, onnx, reference, failure.feeds, target, options);
    return found === null ? verification : { ...verification, firstDifference: found };
  } finally {
    reference.dispose();
    await Promise.all(sessions.map((session) => session.dispose()));
  }
}

async function open(onnx: Uint8Array, { runtime, provider, load }: Target): Promise<Session> {
  if (load !== undefined) return load(onnx);
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

function partOf(source: LayersSource, options: ExportOptions, outputs: readonly string[]): Part {
  const taps = exportSource(source, { ...options, logits: false }).taps ?? [];
  return { fetches: fetchesOf(requestedLayers(source.model, outputs)), taps };
}

/** The layer where the two part: in a fresh export beside TF.js, else between the file and a fresh export. */
async function locate(
  source: LayersSource,
  onnx: Uint8Array,
  reference: LayersReference,
  feeds: Readonly<Record<string, Tensor>>,
  target: Target,
  { exportOptions = {}, tolerance }: VerifyModelOptions,
): Promise<FirstDifference | null> {
  const load = (bytes: Uint8Array): Promise<Session> => open(bytes, target);
  const trace = (paths: ReadonlySet<string>): Promise<Trace> => reference.trace(feeds, paths);
  const inModel = await firstDifference(source, exportOptions, feeds, trace, load, tolerance);
  if (inModel !== null) return inModel;
  const fresh = exportSource(source, exportOptions);
  const inFile = await fileDifference(onnx, fresh.bytes, feeds, load, tolerance);
  if (inFile === null) return null;
  const owner = fresh.layers
    .filter(({ scope, repeated }) => !repeated && inFile.node.startsWith(scope))
    .reduce<ExportedLayer | null>(
      (best, layer) => (layer.scope.length > (best?.scope.length ?? 0) ? layer : best),
      null,
    );
  return {
    layer: owner?.path ?? inFile.node,
    className: owner?.className ?? inFile.opType,
    call: owner?.occurrence ?? 0,
    maxAbsDiff: inFile.maxAbsDiff,
    comparedWith: "a fresh export",
  };
}
