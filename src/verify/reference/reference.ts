import type { Tensors } from "../../infer/runtime.ts";
import type { Tensor } from "../../tensor.ts";

/** Shapes of a model's inputs, by name. */
export type InputShapes = ReadonlyMap<string, readonly number[]>;

/** What can be said of a run before it is made. */
export interface Examination {
  /** Why the model cannot take inputs of these shapes; null when nothing is known to be wrong with them. */
  readonly fault: string | null;
  /** Multiplications and additions of one run, roughly; null when that is unknown. */
  readonly work: number | null;
  /** How many axes of inner tensors have the size 1. */
  readonly ones: number;
}

/** An inner tensor of a model. */
export interface TensorAt {
  /** The layer's path through nested models (`encoder/conv1`), or the node's name. */
  readonly path: string;
  /** Which time the layer is run (0-based). */
  readonly occurrence: number;
  /** Which of its output tensors (0-based). */
  readonly tensor: number;
}

/** Called before each layer of a run with the number of layers done and of all; what it throws ends the run. */
export type Watch = (done: number, of: number) => void;

/** TF.js running the model that a file was made of. Every run starts afresh: nothing is kept from the run before. */
export interface Reference {
  /** What computes, and on which backend: `tfjs wasm`. */
  readonly name: string;
  /** What a reader should know of the reference; null when it is TF.js running the model as it is. */
  readonly note: string | null;
  /** Whether {@link examine} follows the shapes through the model. */
  readonly judgesShapes: boolean;
  /** Judges shapes by the model's own rules, without computing anything. */
  examine(shapes: InputShapes): Examination;
  /** The model's outputs in their order. */
  run(feeds: Tensors, watch?: Watch): Promise<readonly Tensor[]>;
  /**
   * The same on a backend that checks shapes: faster ones read beyond the end of a tensor that is too small, and do not work
   * any more after that.
   *
   * @returns the outputs, or why TF.js refuses the inputs
   */
  runChecked(feeds: Tensors, watch?: Watch): Promise<readonly Tensor[] | Error>;
  /** Use the backend of {@link runChecked} for everything from here on. */
  useChecked(): Promise<void>;
  /** Inner tensors of one run, in the order of `wanted`; null for those that TF.js does not give. */
  trace(feeds: Tensors, wanted: readonly TensorAt[], watch?: Watch): Promise<readonly (Tensor | null)[]>;
  dispose(): void;
}
