import * as tf from "@tensorflow/tfjs";

// A program as people write it for TF.js, with an await at every run of a model. program-drop-in.ts is the same file but for the next line.
import { loadGraphModel, loadLayersModel, type GraphModel, type LayersModel } from "../../src/node/drop-in/index.ts";

/** A detector in the manner of @tensorflow-models/*: a Graph model with outputs by name. */
export class Detector {
  private model: GraphModel | null = null;
  private readonly source: tf.io.IOHandler;

  constructor(source: tf.io.IOHandler) {
    this.source = source;
  }

  async load(): Promise<void> {
    const options: tf.io.LoadOptions = { onProgress: (fraction: number) => this.progress.push(fraction) };
    this.model = await loadGraphModel(this.source, options);
  }

  readonly progress: number[] = [];

  async detect(image: tf.Tensor3D): Promise<{ scores: number[]; best: number; both: number; inner: number[] }> {
    const model = this.model;
    if (model === null) throw new Error("load first");
    const [height, width] = model.inputs[0]?.shape?.slice(1, 3) ?? [];
    const batched = tf.tidy(() =>
      tf.image
        .resizeBilinear(image, [height ?? 0, width ?? 0])
        .toFloat()
        .div<tf.Tensor3D>(255)
        .expandDims<tf.Tensor4D>(0),
    );
    const scores = (await model.predict(batched)) as tf.Tensor2D;
    const named = (await model.execute({ [model.inputNodes[0] ?? ""]: batched }, model.outputNodes)) as tf.Tensor;
    const several = (await model.executeAsync(batched, ["scores", "features"])) as tf.Tensor[];
    const best = scores.argMax(-1);
    const inner = several[1];
    const result = {
      scores: Array.from(await scores.data()),
      best: (await best.data())[0] ?? -1,
      both: several.length,
      inner: inner === undefined ? [] : Array.from(await inner.data()),
    };
    tf.dispose([batched, scores, named, best, ...several]);
    return result;
  }

  dispose(): void {
    void this.model?.dispose();
  }
}

/** A classifier in the manner of nsfwjs: a Layers model. */
export async function classify(
  source: tf.io.IOHandler,
  x: tf.Tensor2D,
): Promise<{ names: string[]; numbers: number[] }> {
  const model: LayersModel = await loadLayersModel(source, { strict: true });
  const lines: string[] = [];
  model.summary(80, undefined, (line?: string) => lines.push(line ?? ""));
  const logits = (await model.predict(x, { batchSize: 2 })) as tf.Tensor2D;
  const onBatch = (await model.predictOnBatch(x)) as tf.Tensor;
  const inputShape = model.inputs[0]?.shape ?? [];
  const numbers = [...Array.from(await logits.data()), ...Array.from(await onBatch.data()), ...inputShape.map(Number)];
  tf.dispose([logits, onBatch]);
  const names = model.layers.map((layer) => `${layer.name} ${layer.getClassName()} ${layer.countParams()}`);
  names.push(model.getLayer("hidden").name, String(lines.length > 4), model.name);
  void model.dispose();
  return { names, numbers };
}
