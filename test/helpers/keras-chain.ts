import { Random } from "../../src/data/random.ts";
import type { RawModel } from "../../src/export/source/model.ts";
import { sizeOf } from "../../src/tensor.ts";

/** A layer as Keras serializes it, and the shapes of its weights. */
export interface KerasLayerSpec {
  readonly className: string;
  readonly config?: Readonly<Record<string, unknown>>;
  readonly weights?: Readonly<Record<string, readonly number[]>>;
}

/** A Sequential model of Keras 2 or 3, written by hand, with random weights. */
export function kerasChain(
  keras: 2 | 3,
  shape: readonly (number | null)[],
  layers: readonly KerasLayerSpec[],
  dtype = "float32",
): RawModel {
  const random = new Random(7);
  const named = layers.map((layer, index) => ({ ...layer, name: `layer_${index}` }));
  const specs = named.flatMap(({ name, weights = {} }) =>
    Object.entries(weights).map(([weight, dims]) => ({ name: `${name}/${weight}`, shape: dims, dtype: "float32" })),
  );
  const data = specs.flatMap(({ name, shape: dims }) =>
    Array.from({ length: sizeOf(dims) }, () => (name.includes("variance") ? 0.5 + random.unit() : random.normal() / 2)),
  );
  const input = keras === 3 ? { batch_shape: [null, ...shape] } : { batch_input_shape: [null, ...shape] };
  return {
    weights: new Uint8Array(Float32Array.from(data).buffer),
    manifest: {
      format: "layers-model",
      modelTopology: {
        keras_version: keras === 3 ? "3.6.0" : "2.9.0",
        backend: "tensorflow",
        model_config: {
          class_name: "Sequential",
          config: {
            name: "chain",
            layers: [
              { class_name: "InputLayer", config: { ...input, dtype, name: "x" } },
              ...named.map(({ className, config = {}, name }) => ({
                class_name: className,
                config: { name, trainable: true, dtype: "float32", ...config },
              })),
            ],
          },
        },
      },
      weightsManifest: [{ paths: ["weights.bin"], weights: specs }],
    },
  };
}
