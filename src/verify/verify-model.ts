import { InternalError, NotVerifiedError } from "../errors.ts";
import type { AnySource } from "../export/any-source.ts";
import type { ExportOptions } from "../export/export-model.ts";
import type { Precision } from "../export/precision/options.ts";
import { readLayersModel } from "../export/source/layers-model.ts";
import type { RawModel } from "../export/source/model.ts";
import type { Provider, RuntimeName, Session } from "../infer/runtime.ts";
import { getRuntime } from "../infer/runtimes.ts";
import type { LoadNative } from "../infer/hooks.ts";
import { bodiesOf, type FileNode } from "../onnx/file-model.ts";

import { runAccepted } from "./accepted-runs.ts";
import { DEFAULT_TOLERANCE, ROUNDED_LIMIT, type Tolerance } from "./compare.ts";
import type { FeedSpec } from "./feeds.ts";
import { describeFile, type OnnxFile } from "./file/onnx-file.ts";
import { locate } from "./locate/locate.ts";
import type { FirstDifference } from "./locate/first-difference.ts";
import { graphOriginal, layersOriginal, type Original } from "./original.ts";
import { comparePictures, pictureFile, type PictureFile } from "./pictures.ts";
import { planRuns, type PlannedRun } from "./plan.ts";
import { Clock, OutOfTime, type VerifyProgress } from "./progress.ts";
import type { InputShapes, Reference } from "./reference/reference.ts";
import { openReference } from "./reference/tfjs-reference.ts";
import { describeSizes, showSeconds, type Failure, type PlanResult, type VerifyRun } from "./side-by-side.ts";
import { smallerShapes, withInputShapes } from "./smaller.ts";

/** A runtime, and the provider there; without one the runtime's own default. */
export interface Target {
  readonly runtime: RuntimeName;
  readonly provider?: Provider | "auto";
  /** Loads a model there, for places that only the caller knows; without it the plain runtime does. */
  readonly load?: (onnx: Uint8Array) => Promise<Session>;
}

/** Where and how an exported file is compared with its original. */
export interface VerifyModelOptions {
  /** Where to run the file. */
  readonly targets: readonly Target[];
  /**
   * Without it {@link DEFAULT_TOLERANCE}; for a file whose weights are rounded, float16, int8 or int4, a limit of the root mean square
   * of the differences, which are reported.
   */
  readonly tolerance?: Tolerance;
  /** Sizes of the batch to run where it is free. */
  readonly batches: readonly number[];
  readonly seed: number;
  /** How the file was exported, where the file itself does not show it: converters of your own. */
  readonly exportOptions?: ExportOptions;
  /** Backend of TF.js; without it WebAssembly, and plain JavaScript for what that lacks. */
  readonly referenceProvider?: Provider;
  readonly loadNative?: LoadNative;
  /** Seconds that the verification may take; 60 without it. Runs that do not fit are left out. Infinity for any time. */
  readonly timeLimit?: number;
  /** Told of every step before it begins, and of the layers within it. */
  readonly onProgress?: (progress: VerifyProgress) => void;
  /** Ends the verification between two layers or runs. */
  readonly signal?: AbortSignal;
}

/** What a comparison of an exported file with its original came to. */
export interface ModelVerification {
  /** Whether every output of every run is right. */
  readonly passed: boolean;
  readonly atol: number;
  readonly rtol: number;
  /** The limit that counts instead, where the file's weights are rounded. */
  readonly relativeRms?: number;
  /** How the weights of the file are kept, as it says itself. */
  readonly precision: Precision;
  /** What TF.js computed on. */
  readonly reference: string;
  /** What else is to be known of the comparison. */
  readonly note?: string;
  readonly maxAbsDiff: number;
  readonly runs: readonly VerifyRun[];
  /** Runs that were planned and not made, and why. */
  readonly leftOut?: readonly string[];
  /** Where the two part, when they do and it can be found. */
  readonly firstDifference?: FirstDifference;
}

const TIME_LIMIT = 60;

/**
 * Compare an ONNX file with the TF.js model that it was made of, on random inputs: open the original in TF.js and the file in
 * every place, plan sizes that the model accepts, run both sides, compare, and on a failure find the first layer that differs. Of
 * a file that prepares pictures itself, the network is compared so, and the rest with this package's own preparation.
 *
 * @param source The model as the exporter reads it.
 * @throws {SetupError} when TF.js or a runtime is not installed.
 * @throws {InferenceError} when either side refuses its model.
 * @throws {NotVerifiedError} when no sizes are found that the model accepts, or it cannot be run in the time given.
 */
export async function verifyModel(
  raw: RawModel,
  source: AnySource,
  onnx: Uint8Array,
  options: VerifyModelOptions,
): Promise<ModelVerification> {
  const file = pictureFile(onnx);
  if (file === null) return verifyNetwork(raw, source, onnx, options);
  const { withPreprocessing: _, ...exportOptions } = options.exportOptions ?? {};
  const network = await verifyNetwork(raw, source, file.network, { ...options, exportOptions });
  const runs = await runPictures(onnx, file, options);
  const passed = runs.every(({ outputs }) => outputs.every((output) => output.passed));
  return { ...network, passed: network.passed && passed, runs: [...network.runs, ...runs] };
}

/** The whole of a file that prepares pictures itself, in every place. */
async function runPictures(onnx: Uint8Array, file: PictureFile, options: VerifyModelOptions): Promise<VerifyRun[]> {
  const runs: VerifyRun[] = [];
  for (const target of options.targets) {
    const session = await open(onnx, target);
    try {
      runs.push(...(await comparePictures(session, file, options.seed)));
    } finally {
      await session.dispose();
    }
  }
  return runs;
}

async function verifyNetwork(
  raw: RawModel,
  source: AnySource,
  onnx: Uint8Array,
  options: VerifyModelOptions,
): Promise<ModelVerification> {
  const { timeLimit = TIME_LIMIT } = options;
  const clock = new Clock({ limit: timeLimit, ...progressOf(options) });
  try {
    return await verifySubject({ raw, source, onnx, shapes: null }, options, clock);
  } catch (error) {
    if (!(error instanceof OutOfTime)) throw error;
    throw new NotVerifiedError(`the model could not be verified in ${timeLimit} seconds: ${error.message}`, {
      cause: error,
      hint: "allow more with verify --time-limit SECONDS, 0 for no limit",
    });
  }
}

/** Whether a node is a Loop, in a body too. */
function hasLoops(nodes: readonly FileNode[]): boolean {
  return nodes.some((node) => node.opType === "Loop" || bodiesOf(node).some((body) => hasLoops(body.nodes)));
}

/** A model and a file to compare. */
interface Subject {
  readonly raw: RawModel;
  readonly source: AnySource;
  readonly onnx: Uint8Array;
  /** Shapes of the inputs instead of the model's own, by name. */
  readonly shapes: InputShapes | null;
}

async function verifySubject(subject: Subject, options: VerifyModelOptions, clock: Clock): Promise<ModelVerification> {
  const { batches, seed, targets } = options;
  const { raw, source, onnx } = subject;
  const file = describeFile(onnx);
  const tolerance = options.tolerance ?? toleranceOf(file.precision);
  const original =
    source.kind === "graph"
      ? await graphOriginal(raw, source, file, options.exportOptions ?? {})
      : layersOriginal(raw, source, file, options.exportOptions ?? {});
  clock.begin("loading the model", null, null);
  const reference = await openReference(original.load, backendOf(options));
  const sessions: Session[] = [];
  let smaller: SmallerSubject | null = null;
  try {
    for (const target of targets) sessions.push(await open(onnx, target));
    const specs = feedSpecs(sessions[0], original, subject.shapes);
    const planInput = { reference, specs, batches, shapes: reference.judgesShapes ? file.outputs : file.shapes };
    const plan = planRuns({ ...planInput, unit: 1, together: false });
    smaller = smallerSubject(subject, original, plan, specs, reference, clock);
    if (smaller === null) {
      const sides = {
        reference,
        sessions,
        specs,
        tolerance,
        seed,
        leftOutSoftmax: original.leftOutSoftmax,
        clock,
        hasLoops: hasLoops(file.nodes),
      };
      const result = await runAccepted(sides, planInput, plan);
      const located =
        result.failure === null
          ? {}
          : await locateFailure(file, original, reference, result.failure, sessions, { targets, tolerance }, clock);
      return summary(reference, result, located, tolerance, file.precision);
    }
  } finally {
    reference.dispose();
    if (!clock.isAbandoned) await Promise.all(sessions.map((session) => session.dispose()));
  }
  const verified = await verifySubject(smaller, options, clock);
  return { ...verified, leftOut: [smaller.instead, ...(verified.leftOut ?? [])] };
}

function toleranceOf(precision: Precision): Tolerance {
  if (precision === "stored" || precision === "float32") return DEFAULT_TOLERANCE;
  return { ...DEFAULT_TOLERANCE, relativeRms: ROUNDED_LIMIT[precision] };
}

function summary(
  { name, note }: Reference,
  { runs, leftOut, notes }: PlanResult,
  located: LocatedFailure,
  tolerance: Tolerance,
  precision: Precision,
): ModelVerification {
  const outputs = runs.flatMap((run) => run.outputs);
  const sentences = [note ?? [], notes, located.note ?? []].flat();
  return {
    passed: outputs.every(({ passed }) => passed),
    ...tolerance,
    precision,
    reference: name,
    ...(sentences.length === 0 ? {} : { note: sentences.join("; ") }),
    maxAbsDiff: outputs.reduce((most, { maxAbsDiff }) => Math.max(most, maxAbsDiff), 0),
    runs,
    ...(leftOut.length === 0 ? {} : { leftOut }),
    ...(located.found === undefined ? {} : { firstDifference: located.found }),
  };
}

interface SmallerSubject extends Subject {
  /** What is left out for it. */
  readonly instead: string;
}

/**
 * The same layers and weights on smaller inputs, where one run at the sizes that the model fixes would take too long.
 *
 * @throws {NotVerifiedError} when it would, and the model takes no smaller inputs.
 */
function smallerSubject(
  { raw, source, onnx, shapes: own }: Subject,
  original: Original,
  [first]: readonly PlannedRun[],
  specs: readonly FeedSpec[],
  reference: Reference,
  clock: Clock,
): SmallerSubject | null {
  if (first === undefined) return null;
  const seconds = clock.estimate(first.cost, reference.name);
  if (seconds === null || seconds <= clock.limit - clock.seconds) return null;
  const isShort = (work: number): boolean => {
    const estimate = clock.estimate({ units: work, isWork: true }, reference.name);
    return estimate !== null && estimate < clock.limit / SHARE;
  };
  const shapes = own === null ? smallerShapes(specs, first.sizes, reference, isShort) : null;
  const changed = source.kind === "graph" || shapes === null ? null : withInputShapes(raw, source, shapes);
  const sizes = describeSizes(first.sizes);
  if (shapes === null || changed === null) {
    throw new OutOfTime(`a run with ${sizes} takes about ${showSeconds(seconds)}`);
  }
  if (!sameBytes(original.fresh().bytes, onnx)) {
    throw new OutOfTime(
      `a run with ${sizes} takes about ${showSeconds(seconds)}, and the file is not the export of this version, which could be made for smaller inputs`,
    );
  }
  const smaller = readLayersModel(changed);
  const listed = [...shapes].map(([name, shape]) => `${name} of [${shape.join(", ")}]`).join(", ");
  return {
    raw: changed,
    source: smaller,
    onnx: original.exportOf(smaller),
    shapes,
    instead: `${sizes} at the shapes that the model fixes: it would take about ${showSeconds(seconds)}; its export for ${listed} is compared instead`,
  };
}

function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, index) => byte === b[index]);
}

/** A single run may take this part of the time, so that several fit. */
const SHARE = 8;

function progressOf({ onProgress, signal }: VerifyModelOptions): Pick<VerifyModelOptions, "onProgress" | "signal"> {
  return { ...(onProgress === undefined ? {} : { onProgress }), ...(signal === undefined ? {} : { signal }) };
}

function backendOf({ referenceProvider, loadNative }: VerifyModelOptions): Parameters<typeof openReference>[1] {
  return {
    ...(referenceProvider === undefined ? {} : { provider: referenceProvider }),
    ...(loadNative === undefined ? {} : { loadNative }),
  };
}

async function open(onnx: Uint8Array, { runtime, provider, load }: Target): Promise<Session> {
  if (load !== undefined) return load(onnx);
  const loader = await getRuntime(runtime);
  return loader.load(onnx, provider === undefined ? {} : { provider });
}

/** Dimensions without a name get one of their own. */
function feedSpecs(session: Session | undefined, { domains }: Original, shapes: InputShapes | null): FeedSpec[] {
  if (session === undefined) throw new InternalError("a verification needs at least one place to run the file in");
  return session.inputs.map(({ name, dtype, dims }) => ({
    name,
    dtype,
    dims: dims.map((size, axis) => {
      const given = shapes?.get(name)?.[axis];
      if (given === undefined) return size ?? `${name}_${axis}`;
      return axis === 0 ? "batch" : given;
    }),
    domain: domains.get(name) ?? { kind: "normal" },
  }));
}

interface LocatedFailure {
  readonly found?: FirstDifference;
  readonly note?: string;
}

async function locateFailure(
  file: OnnxFile,
  original: Original,
  reference: Reference,
  { session, feeds }: Failure,
  sessions: readonly Session[],
  { targets, tolerance }: Pick<VerifyModelOptions, "targets"> & { readonly tolerance: Tolerance },
  clock: Clock,
): Promise<LocatedFailure> {
  const target = targets[sessions.indexOf(session)];
  if (target === undefined) throw new InternalError("the run that failed has no place");
  clock.begin("looking for the first layer that differs", null, null);
  const located = await locate({
    file: file.bytes,
    reference,
    feeds,
    probe: () => original.probe(),
    fresh: () => original.fresh(),
    open: (bytes) => open(bytes, target),
    tolerance,
    watch: (done, of) => clock.tick(done, of),
  });
  return "found" in located ? located : { note: `no layer can be named: ${located.reason}` };
}
