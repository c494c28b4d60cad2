import type { LayerConverter } from "../converter.ts";
import { recurrentConverter } from "../recurrent/layer.ts";

/** GRU: one ONNX GRU node, or a Scan over its steps. */
export const gru: LayerConverter = recurrentConverter("GRU", ["GRU", "Scan"]);
