import { ints, type Attributes } from "../../../onnx/model.ts";

/** `{ name: ints }`, or nothing when all numbers are the default, which a file need not state. */
export function intsUnless(name: string, values: readonly number[] | undefined, otherwise: number): Attributes {
  return values === undefined || values.every((value) => value === otherwise) ? {} : { [name]: ints(values) };
}
