/**
 * Loads native TensorFlow, which only Node code can do. It gives the package `@tensorflow/tfjs-node`, and throws a SetupError when
 * that is not set up. The types of optional packages stay out of here, so that ours hold without them.
 */
export type LoadNative = (options: { readonly threads?: number }) => Promise<object>;

/**
 * What onnxruntime-node logs while it creates a session. It writes to the process's own stderr, so only another process
 * can read it. The options are ONNX Runtime's session options, plain data.
 */
export type LogCreation = (
  model: Uint8Array,
  externalData: ReadonlyMap<string, Uint8Array>,
  options: object,
) => Promise<string>;
