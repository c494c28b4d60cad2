import { InternalError } from "../../../errors.ts";
import type { OpValue } from "../converter.ts";

import type { Port, Step } from "./structure.ts";

/** Thrown where a value is read that could not be converted; the fault has been noted. */
export class NotConverted extends Error {}

/** The values that steps have given so far; a body sees those of the graph around it. */
export class Environment {
  readonly #outer: Environment | null;
  readonly #values = new Map<Step, readonly OpValue[] | null>();

  constructor(outer: Environment | null = null) {
    this.#outer = outer;
  }

  /** @param values Null: the step could not be converted. */
  set(step: Step, values: readonly OpValue[] | null): void {
    this.#values.set(step, values);
  }

  /** @throws {NotConverted} when the step could not be converted. @throws {InternalError} when it has not been met */
  read({ step, output }: Port): OpValue {
    const values = this.#find(step);
    if (values === undefined) throw new InternalError(`${step.name} is read before it is computed`);
    if (values === null) throw new NotConverted();
    const value = values[output];
    if (value !== undefined) return value;
    throw new InternalError(`${step.name} has ${values.length} outputs; output ${output} is read`);
  }

  #find(step: Step): readonly OpValue[] | null | undefined {
    const own = this.#values.get(step);
    return own === undefined && this.#outer !== null ? this.#outer.#find(step) : own;
  }
}
