import type { LayerConverter } from "../converter.ts";
import { recurrentConverter } from "../recurrent/layer.ts";

/** LSTM: one ONNX LSTM node, or a Scan over its steps. */
export const lstm: LayerConverter = recurrentConverter("LSTM", ["LSTM", "Scan"]);
