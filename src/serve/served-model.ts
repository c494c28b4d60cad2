import { ELEMENT_BYTES } from "../onnx/element-type.ts";
import { sizeOf } from "../tensor.ts";
import { describeValue } from "../infer/check-feeds.ts";
import type { ValueInfo } from "../infer/runtime.ts";

import { RequestFault } from "./fault.ts";
import type { LoadedValues } from "./messages.ts";
import { Statistics } from "./statistics.ts";
import { checkBytes, DATATYPE, joinStrings, type TensorBytes } from "./tensor-bytes.ts";

/** One version of a model as it was read from one file. A file that changes becomes another one of these. */
export class ServedModel {
  /** Unlike that of every other one of this server. */
  readonly id: number;
  readonly name: string;
  readonly version: string;
  readonly values: LoadedValues;
  readonly statistics: Statistics = new Statistics();
  /** Whether rows of several requests may go through the model together. */
  batches: boolean;

  constructor(id: number, { name, version }: Pick<ServedModel, "name" | "version">, values: LoadedValues) {
    this.id = id;
    this.name = name;
    this.version = version;
    this.values = values;
    this.batches = hasFreeRows([...values.inputs, ...values.outputs]);
  }

  /** `crnn-mnist version 1`. */
  get title(): string {
    return `${this.name} version ${this.version}`;
  }

  /**
   * Refuse inputs that the model does not take, so that they never spoil a batch with those of others.
   *
   * @throws {RequestFault} invalid
   */
  check(inputs: readonly TensorBytes[]): void {
    const names = new Set<string>();
    for (const input of inputs) {
      const { name } = input;
      const wanted = this.values.inputs.find((each) => each.name === name);
      if (wanted === undefined) throw this.#invalid(`the model has no input "${name}"`);
      if (names.has(name)) throw this.#invalid(`input "${name}" is given twice`);
      names.add(name);
      checkShape(wanted, input, (message) => this.#invalid(message));
      checkBytes(input);
    }
    const missing = this.values.inputs.filter(({ name }) => !names.has(name));
    if (missing.length > 0) {
      throw this.#invalid(`${missing.map(({ name }) => `input "${name}"`).join(", ")} missing`);
    }
  }

  /**
   * The model's only input, from its bytes alone. One free size follows from their number; with two, where the first is of rows, there is
   * one row. Strings have no lengths before them: the bytes are one string.
   *
   * @throws {RequestFault} invalid, where more than that is open
   */
  rawInput(bytes: Uint8Array): TensorBytes {
    const [input, ...others] = this.values.inputs;
    if (input === undefined || others.length > 0) {
      throw this.#invalid(`a request of bytes alone needs a model with one input; this one has ${others.length + 1}`);
    }
    const { name, dtype } = input;
    const given = input.anyRank === true ? null : input.dims.map((dim) => (typeof dim === "number" ? dim : null));
    if (dtype === "string") {
      if (given?.every((dim) => dim === 1 || dim === null) !== true) {
        throw this.#invalid(`input "${name}": a request of bytes alone is one string, which does not fill the shape`);
      }
      return { name, dtype, dims: given.map(() => 1), bytes: joinStrings([bytes]) };
    }
    if (given !== null && this.batches && given.filter((dim) => dim === null).length === 2) given[0] = 1;
    if (given === null || given.filter((dim) => dim === null).length > 1) {
      throw this.#invalid(`input "${name}": bytes alone leave more than one size open`);
    }
    const unit = ELEMENT_BYTES[dtype] * sizeOf(given.map((dim) => dim ?? 1));
    const free = unit === 0 ? 0 : bytes.length / unit;
    if (!Number.isInteger(free)) {
      throw this.#invalid(`input "${name}": ${bytes.length} bytes are no whole number of ${unit} bytes`);
    }
    return { name, dtype, dims: given.map((dim) => dim ?? free), bytes };
  }

  /** The outputs that are asked for, or all of them. @throws {RequestFault} invalid, for one that the model has not */
  outputsOf(asked: readonly string[]): readonly string[] {
    const names = this.values.outputs.map(({ name }) => name);
    // A short request must not make an answer of any length.
    if (asked.length > MOST_TIMES_ASKED * names.length) {
      throw new RequestFault("invalid", `${asked.length} outputs are asked for; ${this.title} has ${names.length}`);
    }
    for (const name of asked) {
      if (!names.includes(name)) {
        throw new RequestFault("invalid", `${this.title} has no output "${name}"`, {
          hint: `it has ${names.join(", ")}`,
        });
      }
    }
    return asked.length === 0 ? names : asked;
  }

  #invalid(message: string): RequestFault {
    const takes = this.values.inputs.map((input) => `${input.name}: ${described(input)}`).join("; ");
    return new RequestFault("invalid", message, { hint: `${this.title} takes ${takes === "" ? "nothing" : takes}` });
  }
}

/** How often a request may ask for each output, in the mean. */
const MOST_TIMES_ASKED = 2;

/** ONNX Runtime for Node takes no larger ones, which a shape with a 0 could have. */
const MOST_SIZE = 2 ** 31 - 1;

function checkShape(wanted: ValueInfo, { name, dtype, dims }: TensorBytes, fault: (message: string) => Error): void {
  if (!dims.every((dim) => Number.isSafeInteger(dim) && dim >= 0 && dim <= MOST_SIZE)) {
    throw fault(`input "${name}": a shape is a list of whole numbers from 0 to ${MOST_SIZE}; got [${dims.join(", ")}]`);
  }
  if (dtype !== wanted.dtype) {
    throw fault(`input "${name}": expected ${DATATYPE[wanted.dtype]}; got ${DATATYPE[dtype]}`);
  }
  if (wanted.anyRank === true) return;
  const fits =
    dims.length === wanted.dims.length &&
    wanted.dims.every((want, axis) => typeof want !== "number" || want === dims[axis]);
  if (!fits) throw fault(`input "${name}": expected the shape ${shapeOf(wanted)}; got [${dims.join(", ")}]`);
}

function shapeOf({ dims }: ValueInfo): string {
  return `[${dims.map((dim) => dim ?? "?").join(", ")}]`;
}

/** `FP32 [batch, 28, 28, 1]`. */
function described(value: ValueInfo): string {
  return describeValue(value).replace(value.dtype, DATATYPE[value.dtype]);
}

/** Whether the first size of all inputs and outputs is the same free one. */
function hasFreeRows(values: readonly ValueInfo[]): boolean {
  const [first] = values[0]?.dims ?? [];
  return values.every(({ dims, anyRank }) => {
    return anyRank !== true && dims.length > 0 && typeof dims[0] !== "number" && dims[0] === first;
  });
}
