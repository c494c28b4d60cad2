import type * as tfjs from "@tensorflow/tfjs";

/** TF.js, whichever package it came from. */
export type Tf = Omit<typeof tfjs, "default">;

/**
 * Options of the recurrent layers. Building draws every weight again (see `initialise`): zeros cost nothing, TF.js's
 * orthogonal matrices seconds.
 */
export const recurrent = {
  activation: "tanh",
  recurrentActivation: "sigmoid",
  recurrentInitializer: "zeros",
} as const;

/** The output of layers one after the other. */
export function applyAll(tf: Tf, chain: readonly tfjs.layers.Layer[], input: tfjs.SymbolicTensor): tfjs.SymbolicTensor {
  return chain.reduce((tensor, layer) => only(tf, layer.apply(tensor)), input);
}

/** The one symbolic tensor that a layer gave. */
export function only(tf: Tf, output: ReturnType<tfjs.layers.Layer["apply"]>): tfjs.SymbolicTensor {
  if (Array.isArray(output) || output instanceof tf.Tensor) throw new TypeError("a layer gave no symbolic tensor");
  return output;
}
