import type * as tfjs from "@tensorflow/tfjs";

import type { LayerSpec } from "../../../export/source/model.ts";
import { isRecurrent } from "../../../export/source/layer-classes.ts";
import type { Tfjs } from "../../../infer/tfjs-backend.ts";

/** A tensor, with the mask that Keras carries beside it. */
export interface Masked {
  readonly value: tfjs.Tensor;
  readonly mask: tfjs.Tensor | null;
}

/** Layers at which a mask ends in Keras. */
const ENDING =
  /^(Flatten|Reshape|Permute|RepeatVector|Dot|CategoryEncoding|EinsumDense|PositionEmbedding|.*(Conv|Pooling|Padding|Cropping|UpSampling|Crop|Resizing|Random).*)$/;
const MERGING = /^(Add|Subtract|Multiply|Average|Maximum|Minimum)$/;

/** The mask of a layer's first output, by Keras 3's rules; null for none. */
export function kerasMask(
  tf: Tfjs,
  { className, config }: LayerSpec,
  inputs: readonly Masked[],
  keras3: boolean,
): tfjs.Tensor | null {
  const [first] = inputs;
  if (first === undefined) return null;
  if (className === "Masking") {
    const value = typeof config["mask_value"] === "number" ? config["mask_value"] : 0;
    return tf.any(tf.notEqual(first.value, value), -1);
  }
  if (className === "Embedding") return config["mask_zero"] === true ? tf.notEqual(first.value, 0) : null;
  if (className === "Concatenate") return concatenated(tf, config["axis"], inputs, keras3);
  if (MERGING.test(className)) {
    const masks = inputs.flatMap(({ mask }) => mask ?? []);
    return masks.length < inputs.length ? null : masks.reduce((all, mask) => tf.logicalOr(all, mask));
  }
  if (className === "Bidirectional" || isRecurrent(className))
    return givesSequences(className, config) ? first.mask : null;
  return ENDING.test(className) ? null : first.mask;
}

function givesSequences(className: string, config: LayerSpec["config"]): boolean {
  const inner = config["layer"];
  if (className !== "Bidirectional") return config["return_sequences"] === true;
  if (typeof inner !== "object" || inner === null || !("config" in inner)) return false;
  const own = inner.config;
  return typeof own === "object" && own !== null && "return_sequences" in own && own.return_sequences === true;
}

/** All must hold in Keras 2, any in Keras 3. */
function concatenated(tf: Tfjs, axis: unknown, inputs: readonly Masked[], keras3: boolean): tfjs.Tensor | null {
  if (inputs.every(({ mask }) => mask === null)) return null;
  const masks = inputs.map(({ value, mask }) => {
    if (mask === null) return tf.onesLike(value).cast("bool");
    return mask.rank < value.rank ? tf.broadcastTo(tf.expandDims(mask, -1), value.shape) : mask;
  });
  const joined = tf.concat(masks, typeof axis === "number" ? axis : -1);
  return keras3 ? tf.any(joined, -1) : tf.all(joined, -1);
}
