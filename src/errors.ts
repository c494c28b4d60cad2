/**
 * A failure the user can do something about. Its message says what, what was found, what was expected;
 * `hint` says what to do next. The command line prints both without a stack trace.
 */
export class ToolError extends Error {
  override readonly name: string = "ToolError";
  readonly hint: string | undefined;

  constructor(message: string, options: { readonly hint?: string; readonly cause?: unknown } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.hint = options.hint;
  }
}

/** A TF.js model that is missing, truncated, contradictory or hostile. */
export class ModelFormatError extends ToolError {
  override readonly name = "ModelFormatError";
}

/** A valid TF.js model that cannot be converted to ONNX. */
export class ExportError extends ToolError {
  override readonly name: string = "ExportError";
}

/** One layer (or op) that has no converter, or none for its configuration. */
export interface UnsupportedLayer {
  /** Name of the layer in the model, with the models around it: `encoder/lambda_1`. */
  readonly layer: string;
  readonly className: string;
  readonly reason: string;
}

/** Every layer of the model that cannot be converted, at once. */
export class UnsupportedLayersError extends ExportError {
  override readonly name = "UnsupportedLayersError";
  readonly layers: readonly UnsupportedLayer[];

  constructor(layers: readonly UnsupportedLayer[], hint?: string) {
    const lines = layers.map(({ layer, className, reason }) => `  ${layer} (${className}): ${reason}`);
    super(
      `${layers.length} ${layers.length === 1 ? "layer" : "layers"} cannot be converted:\n${lines.join("\n")}`,
      hint === undefined ? {} : { hint },
    );
    this.layers = layers;
  }
}

/** One node of a Graph model that has no converter, or none for its attributes or inputs. */
export interface UnsupportedOp {
  /** Name of the node, with the calls of functions that lead to it: `loop/body/MatMul`. */
  readonly node: string;
  /** TensorFlow's name of the operator. */
  readonly op: string;
  readonly reason: string;
}

/** Every node of a Graph model that cannot be converted, at once. */
export class UnsupportedOpsError extends ExportError {
  override readonly name = "UnsupportedOpsError";
  readonly ops: readonly UnsupportedOp[];

  constructor(ops: readonly UnsupportedOp[], hint?: string) {
    const lines = ops.map(({ node, op, reason }) => `  node ${node} (${op}): ${reason}`);
    super(
      `${ops.length} ${ops.length === 1 ? "node" : "nodes"} cannot be converted:\n${lines.join("\n")}`,
      hint === undefined ? {} : { hint },
    );
    this.ops = ops;
  }
}

/** A fault of this package's own, met while exporting. Its `cause` says where. */
export class InternalError extends ExportError {
  override readonly name = "InternalError";
}

/** Failure while loading or running a model in a runtime. */
export class InferenceError extends ToolError {
  override readonly name = "InferenceError";
}

/** A method of TF.js that a model loaded by `tfjs-to-onnx/drop-in` does not have, because ONNX Runtime only runs models. */
export class UnsupportedMethodError extends ToolError {
  override readonly name = "UnsupportedMethodError";
}

/** A file that could not be compared with its model in the time given, or at sizes that the model takes. */
export class NotVerifiedError extends ToolError {
  override readonly name = "NotVerifiedError";
}

/** A data set, picture or tensor file that is missing, truncated or contradictory. */
export class DataError extends ToolError {
  override readonly name = "DataError";
}

/** Failure while training: a NaN loss, a checkpoint of another network, an output folder that cannot be written. */
export class TrainError extends ToolError {
  override readonly name = "TrainError";
}

/** Something this machine lacks: native TensorFlow, a compiler, an optional package, a browser. */
export class SetupError extends ToolError {
  override readonly name = "SetupError";
}

/** Wrong usage of a command: exit code 2. */
export class UsageError extends ToolError {
  override readonly name = "UsageError";
}
