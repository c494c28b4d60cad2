import type { OpStep, Port, Region, Step, WhileStep } from "./structure.ts";
import { readsOf } from "./structure.ts";

/** A list that a loop writes once in each iteration: it becomes an output of the ONNX Loop. */
export interface ScannedList {
  /** The step that writes. */
  readonly write: OpStep;
  /** What it writes. */
  readonly element: Port;
  /** Where it writes: 0, 1, 2, ...; always the first element, so that the last write remains; or a different place each time. */
  readonly order: "counted" | "first" | { readonly place: Port };
}

/** Where each operator has the list, the index and the element. TensorArrays are followed by their flow. */
const WRITES: ReadonlyMap<string, { readonly list: number; readonly index: number | null; readonly element: number }> =
  new Map([
    ["TensorListSetItem", { list: 0, index: 1, element: 2 }],
    ["TensorListPushBack", { list: 0, index: null, element: 1 }],
    ["TensorArrayWriteV3", { list: 3, index: 1, element: 2 }],
  ]);

/**
 * The list that variable `index` of a loop carries, when every iteration writes exactly one element, and does nothing
 * else with it. The list must be empty at the start, which only the caller knows.
 *
 * @param numberOf The number that a value is known to be.
 */
export function scannedList(
  loop: WhileStep,
  index: number,
  numberOf: (port: Port) => number | null,
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
  if (places.index === null) return { write, element, order: "counted" };
  const place = write.inputs[places.index];
  if (place === undefined) return null;
  if (countsFromZero(loop, place, numberOf)) return { write, element, order: "counted" };
  if (numberOf(place) === 0) return { write, element, order: "first" };
  return isDistinct(loop, place, numberOf) ? { write, element, order: { place } } : null;
}

type NumberOf = (port: Port) => number | null;

/** Whether a value is 0 in the first iteration and one more in each that follows. */
export function countsFromZero(loop: WhileStep, place: Port, numberOf: NumberOf): boolean {
  const initial = loop.initial[loop.parameters.findIndex((parameter) => parameter === place.step)];
  return initial !== undefined && numberOf(initial) === 0 && stepOf(loop, place, numberOf) === 1;
}

/** By how much a variable of the loop grows in each iteration; null when that is not known, or is 0. */
function stepOf(loop: WhileStep, { step: variable }: Port, numberOf: NumberOf): number | null {
  const next = loop.body.results[loop.parameters.findIndex((parameter) => parameter === variable)];
  if (next?.step.kind !== "op") return null;
  const [a, b] = next.step.inputs;
  if (a === undefined || b === undefined) return null;
  const { op } = next.step.node;
  const by =
    a.step === variable && SUMS.has(op)
      ? numberOf(b)
      : b.step === variable && SUMS.has(op) && op !== "Sub"
        ? numberOf(a)
        : null;
  return by === null || by === 0 ? null : op === "Sub" ? -by : by;
}

const SUMS: ReadonlySet<string> = new Set(["Add", "AddV2", "Sub"]);

/** Whether a value differs in each iteration: a variable that grows by a constant, or its sum with something constant. */
function isDistinct(loop: WhileStep, place: Port, numberOf: NumberOf): boolean {
  if (stepOf(loop, place, numberOf) !== null) return true;
  const { step } = place;
  if (step.kind !== "op" || !SUMS.has(step.node.op)) return false;
  const [a, b] = step.inputs;
  if (a === undefined || b === undefined) return false;
  return (
    (isInvariant(loop, b, numberOf) && isDistinct(loop, a, numberOf)) ||
    (isInvariant(loop, a, numberOf) && isDistinct(loop, b, numberOf))
  );
}

/** Whether a value is the same in every iteration. */
function isInvariant(loop: WhileStep, { step }: Port, numberOf: NumberOf): boolean {
  const index = loop.parameters.findIndex((parameter) => parameter === step);
  if (index !== -1) return loop.body.results[index]?.step === step;
  if (!loop.body.steps.includes(step)) return true;
  if (step.kind === "op" && SUMS.has(step.node.op)) {
    return step.inputs.every((input) => isInvariant(loop, input, numberOf));
  }
  return numberOf({ step, output: 0 }) !== null;
}

function usersOf(region: Region, step: Step): readonly Step[] {
  return region.steps.filter((each) => readsOf(each).some((port) => port.step === step));
}
