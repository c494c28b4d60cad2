import { InferenceError, InternalError, ToolError } from "../../errors.ts";
import type { Provider, Tensors } from "../../infer/runtime.ts";
import type { LoadNative } from "../../infer/hooks.ts";
import { onBackend, openTfjsBackend, type TfjsBackend } from "../../infer/tfjs-backend.ts";
import type { Tensor } from "../../tensor.ts";

import type { Examination, InputShapes, Reference, TensorAt, Watch } from "./reference.ts";

/** A model that TF.js has loaded on one of its backends. */
export interface LoadedModel {
  /** How TF.js computes the model, where that is not as it is: `layer by layer`. */
  readonly manner: string | null;
  readonly note: string | null;
  readonly judgesShapes: boolean;
  examine(shapes: InputShapes): Examination;
  run(feeds: Tensors, watch: Watch): Promise<readonly Tensor[]>;
  trace(feeds: Tensors, wanted: readonly TensorAt[], watch: Watch): Promise<readonly (Tensor | null)[]>;
  dispose(): void;
}

/** Loads a model on a backend, which is TF.js's current one meanwhile. */
export type LoadOn = (backend: TfjsBackend) => Promise<LoadedModel>;

export interface BackendOptions {
  /** Backend of TF.js; without it WebAssembly, and plain JavaScript for what that lacks. */
  readonly provider?: Provider;
  readonly loadNative?: LoadNative;
}

/** Backends without native TensorFlow, the faster first. The last one checks shapes. */
const PORTABLE: readonly Provider[] = ["wasm", "cpu"];

interface Opened {
  readonly backend: TfjsBackend;
  readonly model: LoadedModel;
}

/**
 * TF.js running a model. What fails on one backend is run on the next one.
 *
 * @throws {SetupError} when TF.js is not installed.
 */
export async function openReference(load: LoadOn, options: BackendOptions = {}): Promise<Reference> {
  const providers = options.provider === undefined ? PORTABLE : [options.provider];
  const [fastest] = providers;
  const mostReliable = providers.at(-1);
  if (fastest === undefined || mostReliable === undefined) throw new InternalError("TF.js has no backend to run on");
  const open = async (provider: Provider): Promise<Opened> => {
    const backend = await openTfjsBackend({ provider }, options.loadNative);
    return { backend, model: await onBackend(backend, () => load(backend)) };
  };
  let opened = await open(fastest);
  const attempt = async <Result>(task: (model: LoadedModel) => Promise<Result>): Promise<Result> => {
    for (;;) {
      try {
        return await onBackend(opened.backend, () => task(opened.model));
      } catch (error) {
        const next = providers[providers.indexOf(opened.backend.provider) + 1];
        if (error instanceof Interruption) throw error.cause;
        // A faster backend may lack a kernel, or refuse what TF.js computes elsewhere.
        if (next === undefined) throw failure(opened.backend, error);
        opened = await open(next);
      }
    }
  };
  return {
    get name(): string {
      const { manner } = opened.model;
      return `tfjs ${opened.backend.name}${manner === null ? "" : `, ${manner}`}`;
    },
    get note(): string | null {
      return opened.model.note;
    },
    get judgesShapes(): boolean {
      return opened.model.judgesShapes;
    },
    examine: (shapes) => opened.model.examine(shapes),
    run: (feeds, watch = unwatched) => attempt((model) => model.run(feeds, interrupting(watch))),
    async runChecked(feeds, watch = unwatched) {
      const checking = opened.backend.provider === mostReliable ? opened : await open(mostReliable);
      try {
        return await onBackend(checking.backend, () => checking.model.run(feeds, interrupting(watch)));
      } catch (error) {
        if (error instanceof Interruption) throw error.cause;
        return error instanceof Error ? error : new InferenceError(String(error));
      } finally {
        if (checking !== opened) checking.model.dispose();
      }
    },
    async useChecked() {
      if (opened.backend.provider === mostReliable) return;
      const before = opened;
      opened = await open(mostReliable);
      before.model.dispose();
    },
    trace: (feeds, wanted, watch = unwatched) => attempt((model) => model.trace(feeds, wanted, interrupting(watch))),
    dispose: () => {
      opened.model.dispose();
    },
  };
}

const unwatched: Watch = () => undefined;

/** What the watch of a run threw, to tell it from a failure of TF.js. */
class Interruption extends Error {}

function interrupting(watch: Watch): Watch {
  return (done, of) => {
    try {
      watch(done, of);
    } catch (cause) {
      throw new Interruption("the run is interrupted", { cause });
    }
  };
}

function failure({ name }: TfjsBackend, error: unknown): ToolError {
  if (error instanceof ToolError) return error;
  const message = error instanceof Error ? error.message : String(error);
  return new InferenceError(`TF.js (${name}) does not run the model: ${message}`, { cause: error });
}
