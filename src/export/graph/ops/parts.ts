import type { Value } from "../../ir/value.ts";
import { isComplex, type ComplexValue } from "../converter.ts";

/** What a real tensor, or both parts of a complex one, become. */
export function eachPart(value: Value | ComplexValue, change: (part: Value) => Value): Value | ComplexValue {
  if (!isComplex(value)) return change(value);
  return { kind: "complex", real: change(value.real), imaginary: change(value.imaginary) };
}
