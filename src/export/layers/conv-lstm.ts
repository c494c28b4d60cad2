import type { LayerConverter } from "../converter.ts";
import { recurrentConverter } from "../recurrent/layer.ts";

/** ConvLSTM2D: one convolution of the input for all steps, and a Scan over them. */
export const convLstm2d: LayerConverter = recurrentConverter("ConvLSTM2D", ["Conv", "Scan"]);
