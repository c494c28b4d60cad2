import { ExportError } from "../../errors.ts";
import type { ClassOutput, ConfidenceModel } from "../../metadata.ts";
import { asNumber, showShape } from "../../onnx/dim.ts";
import { at } from "../../require.ts";
import type { GraphBuilder } from "../build/builder.ts";
import type { NamedValue } from "../build/finish.ts";
import { where } from "../build/ops/elementwise.ts";
import { softmax, topK } from "../build/ops/neural.ts";
import { gather } from "../build/ops/shape.ts";
import type { GraphTensor } from "../ir/graph-tensor.ts";

import { Arithmetic } from "./arithmetic.ts";

/** What a classifier's answer is made of, each [N]. */
export interface Answers {
  /** The likeliest label; empty for a blank picture. */
  readonly label: GraphTensor;
  /** Its place among the labels, int64; -1 for a blank picture. */
  readonly index: GraphTensor;
  /** 0 to 1, calibrated where the metadata says how; 0 for a blank picture. */
  readonly confidence: GraphTensor;
}

/**
 * Nodes that read a classifier's scores [N, classes] as `infer` does.
 *
 * @param blank bool [N]: pictures that are no question
 * @throws {ExportError} when the scores are none, or as many as there are labels
 */
export function answersOf(
  graph: GraphBuilder,
  { name, value }: NamedValue,
  output: ClassOutput,
  blank: GraphTensor | null,
): Answers {
  const { labels, activation, confidence } = output;
  const classes = value.dims.length === 2 ? asNumber(at(value.dims, 1)) : null;
  if (value.dtype !== "float32" || classes !== labels.length) {
    throw new ExportError(
      `the metadata names ${labels.length} labels; the output ${name} is ${value.dtype} ${showShape(value.dims)}, not float32 [batch, ${labels.length}]`,
      { hint: "correct userDefinedMetadata.recognizer in model.json" },
    );
  }
  if (confidence !== undefined && classes < 2) {
    throw new ExportError("the metadata has a calibrated confidence, which needs two labels; it names one", {
      hint: "correct userDefinedMetadata.recognizer in model.json",
    });
  }
  return graph.within("answer", () => {
    const a = new Arithmetic(graph);
    const scores = graph.plain(value);
    const probabilities = activation === "logits" ? softmax(graph, scores) : scores;
    const best = a.argMax(probabilities);
    const sure =
      confidence === undefined
        ? a.reduce("ReduceMax", probabilities, [1])
        : calibrated(a, probabilities, classes, confidence);
    const texts = graph.constant("labels", { dtype: "string", dims: [classes + 1], data: [...labels, ""] });
    const flat = a.squeeze(sure, [1]);
    if (blank === null) return { label: gather(graph, texts, best), index: best, confidence: flat };
    const int64 = (place: number): GraphTensor =>
      graph.constant("index", { dtype: "int64", dims: [], data: BigInt64Array.of(BigInt(place)) });
    return {
      label: gather(graph, texts, where(graph, blank, int64(classes), best)),
      index: where(graph, blank, int64(-1), best),
      confidence: a.where(blank, 0, flat),
    };
  });
}

/** See {@link ConfidenceModel}: [N, 1]. */
function calibrated(a: Arithmetic, probabilities: GraphTensor, classes: number, model: ConfidenceModel): GraphTensor {
  const logs = a.log(a.max(probabilities, model.floor));
  const { values } = topK(a.graph, logs, a.graph.int64s([2]));
  const best = gather(a.graph, values, a.graph.int64s([0]), 1);
  const second = gather(a.graph, values, a.graph.int64s([1]), 1);
  const others = classes - 1;
  const mean = a.divide(a.subtract(a.reduce("ReduceSum", logs, [1]), best), others);
  const offset = a.subtract(logs, mean);
  const own = a.subtract(best, mean);
  const squares = a.subtract(a.reduce("ReduceSum", a.multiply(offset, offset), [1]), a.multiply(own, own));
  const spread = a.sqrt(a.max(a.divide(squares, others), 0));
  const terms = [
    a.multiply(a.subtract(best, second), model.margin),
    a.multiply(mean, model.mean),
    a.multiply(spread, model.spread),
  ];
  return a.sigmoid(terms.reduce((sum, term) => a.add(sum, term), a.graph.scalar(model.bias)));
}
