import type * as tfjs from "@tensorflow/tfjs";

import type { ConfigReader } from "../../../export/source/config.ts";
import type { Tfjs } from "../../../infer/tfjs-backend.ts";

/** Outputs of both directions as Bidirectional merges them. */
export function merged(
  tf: Tfjs,
  config: ConfigReader,
  forward: tfjs.Tensor,
  backward: tfjs.Tensor,
): readonly tfjs.Tensor[] {
  if (config.isNull("merge_mode")) return [forward, backward];
  const mode = config.oneOf("merge_mode", ["concat", "sum", "mul", "ave"], "concat");
  switch (mode) {
    case "concat":
      return [tf.concat([forward, backward], -1)];
    case "sum":
      return [forward.add(backward)];
    case "mul":
      return [forward.mul(backward)];
    case "ave":
      return [forward.add(backward).div(2)];
    default:
      return mode satisfies never;
  }
}
