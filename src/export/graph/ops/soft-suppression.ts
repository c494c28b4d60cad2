import { int } from "../../../onnx/model.ts";
import { at, first } from "../../../require.ts";
import type { GraphBuilder } from "../../build/builder.ts";
import { gather } from "../../build/ops/shape.ts";
import { loop } from "../../build/regions.ts";
import type { GraphTensor } from "../../ir/graph-tensor.ts";
import { viewOf, type Value } from "../../ir/value.ts";
import type { OpContext } from "../converter.ts";

import { number } from "./operands.ts";

function scalarOf(context: OpContext, index: number, dtype: "float32" | "int64"): GraphTensor {
  return context.graph.plain(context.graph.reshape(context.graph.cast(context.tensor(index), dtype), []));
}

/**
 * Soft-NMS: boxes that overlap the best one lose score by exp(-overlap² / (2 sigma)), and go where the overlap reaches the
 * limit. One iteration of the loop for each box that is kept.
 */
export function softSuppression(context: OpContext, sigma: number): readonly Value[] {
  const { graph } = context;
  const boxes = graph.plain(graph.cast(context.tensor(0), "float32"));
  const scores = graph.plain(graph.cast(context.tensor(1), "float32"));
  const limit = scalarOf(context, 3, "float32");
  const least = context.inputs.length > 4 ? scalarOf(context, 4, "float32") : graph.scalar(Number.NEGATIVE_INFINITY);
  const count = scalarOf(context, 2, "int64");
  const corners = cornersOf(graph, boxes);
  const start = best(graph, scores);
  const result = loop(
    graph,
    { count, condition: graph.op("Greater", [start.score, least]), carried: [scores] },
    (body, _index, carried) => {
      const current = first(carried);
      const top = best(body, current);
      const overlap = overlaps(body, corners, top.place);
      const factor = body.op("Exp", [body.op("Mul", [body.op("Mul", [overlap, overlap]), body.scalar(-0.5 / sigma)])]);
      const lowered = body.op("Mul", [current, factor]);
      const gone = body.scalar(Number.NEGATIVE_INFINITY);
      const open = body.op("Where", [body.op("GreaterOrEqual", [overlap, limit]), gone, lowered]);
      const next = body.op("ScatterND", [
        open,
        body.op("Unsqueeze", [top.place, body.int64s([0, 1])]),
        body.op("Expand", [gone, body.int64s([1])]),
      ]);
      return {
        condition: body.op("Greater", [best(body, next).score, least]),
        carried: [next],
        scanned: [top.place, top.score],
      };
    },
  );
  return [graph.cast(viewOf(at(result.scanned, 0)), "int32"), viewOf(at(result.scanned, 1))];
}

/** Place (int64 scalar) and value of the highest score. */
function best(graph: GraphBuilder, scores: GraphTensor): { readonly place: GraphTensor; readonly score: GraphTensor } {
  const place = graph.op("ArgMax", [scores], { axis: int(0), keepdims: int(0) });
  return { place, score: gather(graph, scores, place) };
}

interface Corners {
  readonly top: GraphTensor;
  readonly left: GraphTensor;
  readonly bottom: GraphTensor;
  readonly right: GraphTensor;
  readonly area: GraphTensor;
}

/** Corners may be given the other way round. */
function cornersOf(graph: GraphBuilder, boxes: GraphTensor): Corners {
  const column = (index: number): GraphTensor => gather(graph, boxes, number(graph, index, "int64"), 1);
  const [y1, x1, y2, x2] = [column(0), column(1), column(2), column(3)];
  const [top, bottom] = [graph.op("Min", [y1, y2]), graph.op("Max", [y1, y2])];
  const [left, right] = [graph.op("Min", [x1, x2]), graph.op("Max", [x1, x2])];
  const area = graph.op("Mul", [graph.op("Sub", [bottom, top]), graph.op("Sub", [right, left])]);
  return { top, left, bottom, right, area };
}

/** Intersection over union of every box with one; 0 for boxes without an area. */
function overlaps(graph: GraphBuilder, { top, left, bottom, right, area }: Corners, place: GraphTensor): GraphTensor {
  const one = (tensor: GraphTensor): GraphTensor => gather(graph, tensor, place);
  const side = (low: GraphTensor, high: GraphTensor): GraphTensor => {
    const length = graph.op("Sub", [graph.op("Min", [high, one(high)]), graph.op("Max", [low, one(low)])]);
    return graph.op("Max", [length, graph.scalar(0)]);
  };
  const shared = graph.op("Mul", [side(top, bottom), side(left, right)]);
  const joint = graph.op("Sub", [graph.op("Add", [area, one(area)]), shared]);
  const flat = graph.op("LessOrEqual", [graph.op("Min", [area, one(area)]), graph.scalar(0)]);
  return graph.op("Where", [flat, graph.scalar(0), graph.op("Div", [shared, joint])]);
}
