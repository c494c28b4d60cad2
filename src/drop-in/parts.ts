import { InferenceError, ToolError } from "../errors.ts";
import { readAnyModel } from "../export/any-source.ts";
import type { RawModel } from "../export/source/model.ts";
import type { Provider, RuntimeName, Session, Tensors } from "../infer/runtime.ts";
import { checkOptions } from "../options.ts";
import { at } from "../require.ts";
import type { Tensor } from "../tensor.ts";

import { contentHash, convertedModel, type FoundModel } from "./convert.ts";
import type { ModelFacts } from "./facts.ts";
import { warner, type Tell } from "./notes.ts";
import { DROP_IN_OPTIONS, type DropInOptions, type DropInSource } from "./options.ts";
import { openSession } from "./session.ts";
import { readRaw } from "./source.ts";
import type { Surroundings } from "./surroundings.ts";

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
  const raw = await readRaw(source, options, surroundings);
  const content = await contentHash(raw, surroundings);
  if (content === null && options.cache !== false && surroundings.hash === null) {
    warn("the converted model is not kept, since browsers let only pages that came over https compute hashes");
  }
  const found = await convertedModel({ raw, kind, outputs: null, options }, content, surroundings, warn);
  const { facts } = found;
  if (facts === null) throw new ToolError("the kept model is one of other outputs");
  const session = await openSession(found.onnx, options, surroundings);
  if (options.checkOnLoad === true) await checkBesideTfjs(raw, found, session, options, surroundings, warn);
  // The weights are not held: TF.js would hold them too, but ONNX Runtime has its own copy.
  const openInner = async (names: readonly string[]): Promise<Part> => {
    const again = await readAgain(source, options, surroundings, content);
    const inner = await convertedModel({ raw: again, kind, outputs: names, options }, content, surroundings, warn);
    return { session: await openSession(inner.onnx, options, surroundings), outputs: inner.outputs };
  };
  const about = { facts, fromCache: found.fromCache, manifest: raw.manifest };
  return new LoadedParts({ session, outputs: found.outputs }, about, openInner);
}

/** @throws {ToolError} when the model is another than the one that was loaded */
async function readAgain(
  source: DropInSource,
  options: DropInOptions,
  surroundings: Surroundings,
  content: string | null,
): Promise<RawModel> {
  const raw = await readRaw(source, { ...options, onProgress: () => undefined }, surroundings);
  if (content !== null && (await contentHash(raw, surroundings)) !== content) {
    throw new ToolError("the model at its source is another than the one that was loaded", {
      hint: "load it again before asking for inner tensors",
    });
  }
  return raw;
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
    const { verifyModel, DEFAULT_TOLERANCE } = await import("./check.ts");
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
