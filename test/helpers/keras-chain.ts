import { Random } from "../../src/data/random.ts";
import type { RawModel } from "../../src/export/source/model.ts";
import { sizeOf } from "../../src/tensor.ts";

/** A layer as Keras serializes it, and the shapes of its weights. */
export interface KerasLayerSpec {
  readonly className: string;
  readonly config?: Readonly<Record<string, unknown>>;
  readonly weights?: Readonly<Record<string, readonly number[]>>;
}

/**
 * A Sequential model of Keras 2 or 3, written by hand, with random weights; a functional one of Keras 2 where its last layer
 * gives several outputs.
 */
export function kerasChain(
  keras: 2 | 3,
  shape: readonly (number | null)[],
  layers: readonly KerasLayerSpec[],
  dtype = "float32",
  outputs?: number,
): RawModel {
  const random = new Random(7);
  const named = layers.map((layer, index) => ({ ...layer, name: `layer_${index}` }));
  const specs = named.flatMap(({ name, weights = {} }) =>
    Object.entries(weights).map(([weight, dims]) => ({ name: `${name}/${weight}`, shape: dims, dtype: "float32" })),
  );
  const data = specs.flatMap(({ name, shape: dims }) =>
    Array.from({ length: sizeOf(dims) }, () => (name.includes("variance") ? 0.5 + random.unit() : random.normal() / 2)),
  );
  const names = ["x", ...named.map(({ name }) => name)];
  const last = names.at(-1);
  const tied = (index: number): object => {
    if (outputs === undefined) return {};
    return { name: names[index], inbound_nodes: index === 0 ? [] : [[[names[index - 1], 0, 0, {}]]] };
  };
  const ends =
    outputs === undefined
      ? {}
      : {
          input_layers: [["x", 0, 0]],
          output_layers: Array.from({ length: outputs }, (_, index) => [last, 0, index]),
        };
  const input = keras === 3 ? { batch_shape: [null, ...shape] } : { batch_input_shape: [null, ...shape] };
  return {
    weights: new Uint8Array(Float32Array.from(data).buffer),
    manifest: {
      format: "layers-model",
      modelTopology: {
        keras_version: keras === 3 ? "3.6.0" : "2.9.0",
        backend: "tensorflow",
        model_config: {
          class_name: outputs === undefined ? "Sequential" : "Functional",
          config: {
            name: "chain",
            ...ends,
            layers: [
              { class_name: "InputLayer", config: { ...input, dtype, name: "x" }, ...tied(0) },
              ...named.map(({ className, config = {}, name }, index) => ({
                ...tied(index + 1),
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
