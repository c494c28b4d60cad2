import { InferenceError, ToolError } from "../errors.ts";
import type { RawModel } from "../export/source/model.ts";
import type { Provider, RuntimeName, Session, Tensors } from "../infer/runtime.ts";
import { checkOptions } from "../options.ts";
import { at } from "../require.ts";
import type { Tensor } from "../tensor.ts";

import { contentOf, convertedModel, type FoundModel } from "./convert.ts";
import type { ModelFacts } from "./facts.ts";
import { warner, type Tell } from "./notes.ts";
import { DROP_IN_OPTIONS, type DropInOptions, type DropInSource } from "./options.ts";
import { fingerprintFor, openModel } from "./session.ts";
import { deviceFor } from "./shared-device.ts";
import { openSource } from "./source.ts";
import type { OpenedModel, Surroundings } from "./surroundings.ts";

/** An ONNX file that is loaded, and the names of its outputs in the order that was asked for. */
export interface Part {
  readonly session: Session;
  readonly outputs: readonly string[];
}

/** What both kinds of models have: the whole model in a session, and further sessions for inner tensors. */
export class LoadedParts {
  readonly facts: ModelFacts;
  readonly fromCache: boolean;
  /** The model.json, for what it says of the model. */
  readonly manifest: unknown;
  readonly #whole: Part;
  readonly #openInner: (names: readonly string[]) => Promise<Part>;
  readonly #inner = new Map<string, Promise<Part>>();
  #disposed: Promise<void> | undefined;

  constructor(
    whole: Part,
    about: { readonly facts: ModelFacts; readonly fromCache: boolean; readonly manifest: unknown },
    openInner: (names: readonly string[]) => Promise<Part>,
  ) {
    this.#whole = whole;
    this.facts = about.facts;
    this.fromCache = about.fromCache;
    this.manifest = about.manifest;
    this.#openInner = openInner;
  }

  get runtime(): RuntimeName {
    return this.#whole.session.runtime;
  }

  get provider(): Provider {
    return this.#whole.session.provider;
  }

  get elsewhere(): readonly string[] {
    return this.#whole.session.elsewhere;
  }

  get whole(): Part {
    this.assertUsable();
    return this.#whole;
  }

  /** The model with inner tensors as its outputs. It is converted at the first call. */
  inner(names: readonly string[]): Promise<Part> {
    this.assertUsable();
    const key = JSON.stringify(names);
    const known = this.#inner.get(key);
    if (known !== undefined) return known;
    const opened = this.#openInner(names);
    this.#inner.set(key, opened);
    // What failed may work the next time: the network may be back.
    opened.catch(() => this.#inner.delete(key));
    return opened;
  }

  /** @throws {InferenceError} when the model was disposed */
  assertUsable(): void {
    if (this.#disposed === undefined) return;
    throw new InferenceError("the model was disposed", { hint: "load it again" });
  }

  dispose(): Promise<void> {
    this.#disposed ??= this.#disposeAll();
    return this.#disposed;
  }

  async #disposeAll(): Promise<void> {
    const inner = await Promise.allSettled(this.#inner.values());
    const opened = inner.flatMap((each) => (each.status === "fulfilled" ? [each.value] : []));
    await Promise.all([this.#whole, ...opened].map(({ session }) => session.dispose()));
  }
}

/** Run a part. Feeds that its ONNX file has no input for are left out, as TF.js does. */
export async function runPart({ session, outputs }: Part, feeds: Tensors): Promise<readonly Tensor[]> {
  const used = session.inputs.flatMap(({ name }) => {
    const tensor = Object.hasOwn(feeds, name) ? feeds[name] : undefined;
    return tensor === undefined ? [] : [[name, tensor] as const];
  });
  const results = await session.run(Object.fromEntries(used));
  return outputs.map((name) => {
    const tensor = Object.hasOwn(results, name) ? results[name] : undefined;
    if (tensor === undefined) throw new InferenceError(`ONNX Runtime gave no output "${name}"`);
    return tensor;
  });
}

/**
 * Read a model, find or make its ONNX file, and load that.
 *
 * @throws {ToolError} of every kind that reading, converting or loading has
 * @throws {TypeError} for an option that there is not
 */
export async function loadParts(
  source: DropInSource,
  given: DropInOptions | null | undefined,
  kind: ModelFacts["kind"],
  surroundings: Surroundings,
): Promise<LoadedParts> {
  const options = given ?? {};
  checkOptions(kind === "graph" ? "loadGraphModel" : "loadLayersModel", options, DROP_IN_OPTIONS);
  const warn = warner(options.onNote);
  const model = once(await openSource(source, options, surroundings));
  const content = await contentOf(model, options, surroundings);
  if (content === null && options.cache !== false && surroundings.hash === null) {
    warn("the converted model is not kept, since browsers let only pages that came over https compute hashes");
  }
  const fingerprint = await fingerprintFor(options, surroundings);
  const conversion = { model, kind, outputs: null, options, fingerprint };
  const find = (): Promise<FoundModel> => convertedModel(conversion, content, surroundings, warn);
  const device = deviceFor(options);
  const { found, session } = await openFound(find, fingerprint, options, surroundings, warn, device);
  const { facts } = found;
  if (facts === null) throw new ToolError("the kept model is one of other outputs");
  if (options.checkOnLoad === true) {
    await checkBesideTfjs(await model.read(), found, session, options, surroundings, warn);
  }
  const about = { facts, fromCache: found.fromCache, manifest: model.manifest };
  const inner = innerOpener(source, kind, options, content, surroundings, warn, device);
  return new LoadedParts({ session, outputs: found.outputs }, about, inner);
}

/** Finds or makes the ONNX file, and loads it; makes it anew when the runtime refuses its own optimised graph. */
async function openFound(
  find: () => Promise<FoundModel>,
  fingerprint: string | null,
  options: DropInOptions,
  surroundings: Surroundings,
  warn: Tell,
  device: object | undefined,
): Promise<{ readonly found: FoundModel; readonly session: Session }> {
  const found = await find();
  try {
    return { found, session: await openModel(found, fingerprint, options, surroundings, device) };
  } catch (error) {
    if (found.optimized === null || !(error instanceof InferenceError)) throw error;
    warn(`ONNX Runtime refuses a kept model, so it is converted again: ${error.message}`);
    await found.forget();
    const again = await find();
    return { found: again, session: await openModel(again, fingerprint, options, surroundings, device) };
  }
}

/** The model, whose weights are read at most once. */
function once({ manifest, identity, read }: OpenedModel): OpenedModel {
  let reading: Promise<RawModel> | undefined;
  return { manifest, identity, read: () => (reading ??= read()) };
}

/** Reads the model anew, for its weights are not held: TF.js would hold them, but ONNX Runtime has its own copy. */
function innerOpener(
  source: DropInSource,
  kind: ModelFacts["kind"],
  options: DropInOptions,
  content: string | null,
  surroundings: Surroundings,
  warn: Tell,
  device: object | undefined,
): (names: readonly string[]) => Promise<Part> {
  return async (names) => {
    const model = await openAgain(source, options, surroundings, content);
    const fingerprint = await fingerprintFor(options, surroundings);
    const conversion = { model, kind, outputs: names, options, fingerprint };
    const find = (): Promise<FoundModel> => convertedModel(conversion, content, surroundings, warn);
    const { found, session } = await openFound(find, fingerprint, options, surroundings, warn, device);
    return { session, outputs: found.outputs };
  };
}

/** @throws {ToolError} when the model is another than the one that was loaded */
async function openAgain(
  source: DropInSource,
  options: DropInOptions,
  surroundings: Surroundings,
  content: string | null,
): Promise<OpenedModel> {
  const silent = { ...options, onProgress: () => undefined };
  const model = once(await openSource(source, silent, surroundings));
  if (content !== null && (await contentOf(model, silent, surroundings)) !== content) {
    throw new ToolError("the model at its source is another than the one that was loaded", {
      hint: "load it again before asking for inner tensors",
    });
  }
  return model;
}

async function checkBesideTfjs(
  raw: RawModel,
  { onnx }: FoundModel,
  session: Session,
  options: DropInOptions,
  { loadNative }: Surroundings,
  warn: Tell,
): Promise<void> {
  try {
    const { readAnyModel, verifyModel, DEFAULT_TOLERANCE } = await import("./check.ts");
    // The session is the model's own: the comparison must not dispose it.
    const borrowed: Session = { ...session, run: (feeds) => session.run(feeds), dispose: () => Promise.resolve() };
    const result = await verifyModel(raw, await readAnyModel(raw), onnx, {
      targets: [{ runtime: session.runtime, load: () => Promise.resolve(borrowed) }],
      tolerance: DEFAULT_TOLERANCE,
      batches: [1],
      seed: 1,
      ...(loadNative === null ? {} : { loadNative }),
      ...(options.exportOptions === undefined ? {} : { exportOptions: options.exportOptions }),
    });
    if (result.passed) return;
    const worst = at(
      result.runs.flatMap((run) => run.outputs).toSorted((a, b) => b.maxAbsDiff - a.maxAbsDiff),
      0,
    );
    warn(
      `the model gives other numbers than TF.js (${result.reference}): they differ by up to ${worst.maxAbsDiff} at the output ` +
        `"${worst.name}"; please report it with the model`,
    );
  } catch (error) {
    if (!(error instanceof ToolError)) throw error;
    warn(`the model could not be compared with TF.js: ${error.message}`);
  }
}
