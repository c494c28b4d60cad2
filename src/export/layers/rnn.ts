import type { LayerConverter } from "../converter.ts";
import { recurrentConverter } from "../recurrent/layer.ts";

/** RNN over any cell or stack of cells: as the layers of the same cells, one after the other. */
export const rnn: LayerConverter = recurrentConverter("RNN", ["LSTM", "GRU", "RNN", "Scan"]);
