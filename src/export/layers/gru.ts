import type { LayerConverter } from "../converter.ts";
import { recurrentConverter } from "../recurrent/layer.ts";

/** GRU: one ONNX GRU node, or a Scan over its steps. */
export const gru: LayerConverter = recurrentConverter("GRU", ["GRU", "Scan"]);

/** The same with the weights of cuDNN, which Keras 2 had for graphics cards. */
export const cudnnGru: LayerConverter = recurrentConverter("CuDNNGRU", ["GRU"]);
