import type { LayerConverter } from "../converter.ts";
import { recurrentConverter } from "../recurrent/layer.ts";

/** LSTM: one ONNX LSTM node, or a Scan over its steps. */
export const lstm: LayerConverter = recurrentConverter("LSTM", ["LSTM", "Scan"]);

/** The same with the weights of cuDNN, which Keras 2 had for graphics cards. */
export const cudnnLstm: LayerConverter = recurrentConverter("CuDNNLSTM", ["LSTM"]);
