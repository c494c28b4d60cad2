import { areMoments } from "../batch-norm.ts";
import { boolAttribute, type Graph, type GraphNode, refOf, typeAttribute } from "../graph.ts";
import { FLOAT } from "../native.ts";

import { Editor, type Rewritten } from "./editor.ts";

/** Mean, variance and normalisation of a batch become TensorFlow's one kernel for training. */
export function normaliseAtOnce(graph: Graph): Rewritten {
  const editor = new Editor(graph, "norm");
  for (const node of graph.nodes) {
    if (node.op !== "FusedBatchNorm" || isTraining(node)) continue;
    const [x, scale, offset, mean, variance] = node.inputs;
    const [output, statistic] = node.outputs;
    if (x === undefined || scale === undefined || offset === undefined) continue;
    if (mean === undefined || variance === undefined || output === undefined || statistic === undefined) continue;
    if (output.dtype !== FLOAT || !areMoments(editor, { x, mean, variance })) continue;
    editor.count++;
    const none = editor.constant(new Float32Array(), { dtype: FLOAT, shape: [0] });
    const attributes = { ...node.attributes, U: typeAttribute(FLOAT), is_training: boolAttribute(true) };
    const reserve = { dtype: FLOAT, shape: [0] };
    const outputs = [output, statistic, statistic, statistic, statistic, reserve];
    const made = editor.addMany("FusedBatchNormV3", [x, scale, offset, none, none], attributes, outputs);
    const [normalised = "", , , batchMean = "", batchVariance = ""] = made;
    editor.replace(refOf(node.name), normalised);
    editor.replace(mean, batchMean);
    editor.replace(variance, batchVariance);
  }
  return editor.finish();
}

function isTraining({ attributes }: GraphNode): boolean {
  const training = attributes["is_training"];
  return training?.kind !== "bool" || training.value;
}
