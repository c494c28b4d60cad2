import type { OpStep, Port, Region, Step, WhileStep } from "./structure.ts";
import { readsOf } from "./structure.ts";

/** A list that a loop writes once in each iteration, in order: it becomes an output of the ONNX Loop. */
export interface ScannedList {
  /** The step that writes. */
  readonly write: OpStep;
  /** What it writes. */
  readonly element: Port;
}

/** Where each operator has the list, the index and the element. TensorArrays are followed by their flow. */
const WRITES: ReadonlyMap<string, { readonly list: number; readonly index: number | null; readonly element: number }> =
  new Map([
    ["TensorListSetItem", { list: 0, index: 1, element: 2 }],
    ["TensorListPushBack", { list: 0, index: null, element: 1 }],
    ["TensorArrayWriteV3", { list: 3, index: 1, element: 2 }],
  ]);

/**
 * The list that variable `index` of a loop carries, when every iteration writes exactly one element right behind the last one
 * and does nothing else with it. The list must be empty at the start, which only the caller knows.
 *
 * @param isConstant Whether a value is a known number.
 */
export function scannedList(
  loop: WhileStep,
  index: number,
  isConstant: (port: Port, value: number) => boolean,
): ScannedList | null {
  const parameter = loop.parameters[index];
  const result = loop.body.results[index];
  if (parameter === undefined || result === undefined || result.step.kind !== "op" || result.output !== 0) return null;
  const write = result.step;
  const places = WRITES.get(write.node.op);
  if (places === undefined || !loop.body.steps.includes(write)) return null;
  const [list, element] = [write.inputs[places.list], write.inputs[places.element]];
  if (list?.step !== parameter || element === undefined) return null;
  if (usersOf(loop.body, parameter).some((user) => user !== write) || usersOf(loop.body, write).length > 0) return null;
  if (loop.body.results.filter(({ step }) => step === parameter || step === write).length > 1) return null;
  if (usersOf(loop.condition, parameter).length > 0 || loop.condition.results.some(({ step }) => step === parameter))
    return null;
  if (places.index === null) return { write, element };
  const place = write.inputs[places.index];
  return place !== undefined && countsFromZero(loop, place, isConstant) ? { write, element } : null;
}

/** Whether a value is 0 in the first iteration and one more in each that follows. */
function countsFromZero(loop: WhileStep, place: Port, isConstant: (port: Port, value: number) => boolean): boolean {
  const variable = loop.parameters.findIndex((parameter) => parameter === place.step);
  const [initial, next] = [loop.initial[variable], loop.body.results[variable]];
  if (initial === undefined || next === undefined || !isConstant(initial, 0)) return false;
  if (next.step.kind !== "op" || !["Add", "AddV2"].includes(next.step.node.op)) return false;
  const [a, b] = next.step.inputs;
  if (a === undefined || b === undefined) return false;
  return (a.step === place.step && isConstant(b, 1)) || (b.step === place.step && isConstant(a, 1));
}

function usersOf(region: Region, step: Step): readonly Step[] {
  return region.steps.filter((each) => readsOf(each).some((port) => port.step === step));
}
