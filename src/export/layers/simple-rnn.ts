import type { LayerConverter } from "../converter.ts";
import { recurrentConverter } from "../recurrent/layer.ts";

/** SimpleRNN: one ONNX RNN node, or a Scan over its steps. */
export const simpleRnn: LayerConverter = recurrentConverter("SimpleRNN", ["RNN", "Scan"]);
