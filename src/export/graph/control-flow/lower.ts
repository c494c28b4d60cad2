import { ExportError, InternalError, ModelFormatError, ToolError } from "../../../errors.ts";
import { asNumber } from "../../../onnx/dim.ts";
import { int } from "../../../onnx/model.ts";
import { at } from "../../../require.ts";
import type { Tensor } from "../../../tensor.ts";
import type { GraphBuilder } from "../../build/builder.ts";
import { cast } from "../../build/ops/elementwise.ts";
import { gather, reshape, shapeOf, slice } from "../../build/ops/shape.ts";
import { branch, loop } from "../../build/regions.ts";
import type { GraphTensor } from "../../ir/graph-tensor.ts";
import { viewOf, type Value } from "../../ir/value.ts";
import { isList, isTensor, type OpValue } from "../converter.ts";

import { Environment, NotConverted } from "./environment.ts";
import { lowerRecurrent, type Role } from "./lower-recurrent.ts";
import { packAll } from "./pack.ts";
import { scannedList, type ScannedList } from "./scanned-lists.ts";
import { readsOf, type IfStep, type OpStep, type Port, type Region, type Step, type WhileStep } from "./structure.ts";

/** Converts one operator. @returns its outputs */
export type ConvertOp = (graph: GraphBuilder, step: OpStep, inputs: readonly OpValue[]) => readonly OpValue[];

export interface Lowering {
  readonly convert: ConvertOp;
  /** Told of each step that cannot be converted, and why. */
  readonly onFault: (step: Step, error: ExportError) => void;
  /** Told of the values of each step of the top graph. */
  readonly onValues: (step: Step, values: readonly OpValue[]) => void;
}

/**
 * Writes regions: operators by their converters, If and While as ONNX If and Loop. Branches of conditions that are known are
 * written in the place of the If. Steps that read what could not be converted are left out.
 */
export class Lowerer {
  readonly #lowering: Lowering;
  #depth = 0;
  /** What the names of nodes have in front of them already. */
  #scope = "";

  constructor(lowering: Lowering) {
    this.#lowering = lowering;
  }

  /** @returns the results of the region; null for those that could not be converted */
  run(graph: GraphBuilder, region: Region, environment: Environment): readonly (OpValue | null)[] {
    this.#steps(graph, region, environment);
    return region.results.map((port) => {
      try {
        return environment.read(port);
      } catch (error) {
        if (error instanceof NotConverted) return null;
        throw error;
      }
    });
  }

  #steps(graph: GraphBuilder, region: Region, environment: Environment): void {
    const done = new Set<Step>();
    for (const step of region.steps) {
      if (done.has(step)) continue;
      const group = step.kind === "if" ? together(region, step, done) : [step];
      const values = this.#attempt(step, () =>
        step.kind === "if" ? this.#ifs(graph, step, group, environment) : [this.#step(graph, step, environment)],
      );
      for (const [index, each] of group.entries()) {
        const own = values === null ? null : at(values, index);
        done.add(each);
        environment.set(each, own);
        if (own !== null && this.#depth === 0) this.#lowering.onValues(each, own);
      }
    }
  }

  /** Several Ifs of one condition, as one. @returns the outputs of each */
  #ifs(
    graph: GraphBuilder,
    leader: IfStep,
    group: readonly Step[],
    environment: Environment,
  ): readonly (readonly OpValue[])[] {
    const steps = group.filter((step) => step.kind === "if");
    const merged: IfStep = {
      ...leader,
      whenTrue: joinRegions(steps.map(({ whenTrue }) => whenTrue)),
      whenFalse: joinRegions(steps.map(({ whenFalse }) => whenFalse)),
    };
    const values = this.#within(graph, leader.name, () => this.#if(graph, merged, environment));
    let next = 0;
    return steps.map(({ whenTrue }) => {
      const start = next;
      next += whenTrue.results.length;
      return values.slice(start, next);
    });
  }

  #attempt<Result>(step: Step, work: () => Result): Result | null {
    try {
      return work();
    } catch (error) {
      if (error instanceof NotConverted) return null;
      if (error instanceof ModelFormatError) throw inNode(step, error);
      if (error instanceof ExportError && !(error instanceof InternalError)) {
        this.#lowering.onFault(step, error);
        return null;
      }
      throw error instanceof ToolError
        ? inNode(step, error)
        : new InternalError(`${nodeName(step)}: the exporter failed: ${String(error)}`, {
            hint: "this is a fault of tfjs-to-onnx, or of a converter of your own; please report it with the model.json",
            cause: error,
          });
    }
  }

  #step(graph: GraphBuilder, step: Step, environment: Environment): readonly OpValue[] {
    switch (step.kind) {
      case "op": {
        const inputs = step.inputs.map((port) => environment.read(port));
        return this.#within(graph, step.name, () => this.#lowering.convert(graph, step, inputs));
      }
      case "alias":
        return [environment.read(step.input)];
      case "if":
        throw new InternalError(`${step.name} is written with others of its condition`);
      case "while":
        return this.#within(graph, step.name, () => this.#while(graph, step, environment));
      case "parameter":
        throw new InternalError(`${step.name} is given, not computed`);
      default:
        return step satisfies never;
    }
  }

  /** The results of a region in a place that may be a body. @throws {NotConverted} when one could not be converted */
  #region(graph: GraphBuilder, region: Region, environment: Environment): readonly OpValue[] {
    this.#depth++;
    try {
      const inner = new Environment(environment);
      this.#steps(graph, region, inner);
      return region.results.map((port) => inner.read(port));
    } finally {
      this.#depth--;
    }
  }

  /** Names of nodes are paths; in a body the path to it is in front of them already. */
  #within<Result>(graph: GraphBuilder, name: string, work: () => Result): Result {
    const outer = this.#scope;
    const own = name.startsWith(outer) && name.length > outer.length ? name.slice(outer.length) : name;
    this.#scope = `${outer}${own}/`;
    try {
      return graph.within(own, work);
    } finally {
      this.#scope = outer;
    }
  }

  #if(graph: GraphBuilder, step: IfStep, environment: Environment): readonly OpValue[] {
    const condition = environment.read(step.condition);
    const known = truthOf(condition);
    if (known !== null) return this.#region(graph, known ? step.whenTrue : step.whenFalse, environment);
    let unpack: ((tensors: readonly GraphTensor[]) => readonly OpValue[]) | null = null;
    const emit =
      (region: Region) =>
      (body: GraphBuilder): readonly GraphTensor[] => {
        const packed = packAll(body, this.#region(body, region, environment));
        unpack = (tensors) => packed.unpack(tensors);
        return packed.tensors;
      };
    const tensors = branch(graph, truth(graph, condition), emit(step.whenTrue), emit(step.whenFalse));
    return unpacked(unpack, tensors);
  }

  #while(graph: GraphBuilder, step: WhileStep, environment: Environment): readonly OpValue[] {
    const initial = step.initial.map((port) => environment.read(port));
    /** A value that does not change; null for one that does. */
    const fixedValue = (port: Port): OpValue | null => {
      const { step: source } = port;
      // Constants within the body are steps of it that have not been written yet.
      if (source.kind === "op" && source.node.op === "Const") return at(this.#lowering.convert(graph, source, []), 0);
      const index = step.parameters.findIndex((parameter) => parameter === source);
      if (index !== -1) return at(step.body.results, index).step === source ? at(initial, index) : null;
      const isInside = step.body.steps.includes(source) || step.condition.steps.includes(source);
      return isInside ? null : environment.read(port);
    };
    const numberOf = (port: Port): number | null => {
      const value = fixedValue(port);
      return value === null ? null : firstOf(value);
    };
    const roles = step.parameters.map((parameter, index): Role => {
      if (at(step.body.results, index).step === parameter) return { kind: "invariant" };
      const start = at(initial, index);
      const list = isList(start) && start.form === "empty" ? scannedList(step, index, numberOf) : null;
      return list === null ? { kind: "carried" } : { kind: "scanned", list };
    });
    const recurrent = lowerRecurrent(graph, { step, roles, initial, fixedValue, numberOf });
    if (recurrent !== null) return recurrent;
    const outer = new Environment(environment);
    for (const [index, role] of roles.entries()) {
      if (role.kind !== "carried") outer.set(at(step.parameters, index), [at(initial, index)]);
    }
    const carriedAt = roles.flatMap(({ kind }, index) => (kind === "carried" ? [index] : []));
    const bound = (values: readonly OpValue[]): Environment => {
      const inner = new Environment(outer);
      for (const [place, index] of carriedAt.entries()) inner.set(at(step.parameters, index), [at(values, place)]);
      return inner;
    };
    const first = carriedAt.map((index) => at(initial, index));
    const [condition] = this.#region(graph, step.condition, bound(first));
    if (condition === undefined) throw new InternalError("a loop without a condition");
    if (truthOf(condition) === false) return initial;
    const start = packAll(graph, first);
    let rebuild: ((tensors: readonly GraphTensor[]) => readonly OpValue[]) | null = null;
    const result = loop(
      graph,
      { count: null, condition: truth(graph, condition), carried: start.tensors },
      (body, _, carried) => {
        const inside = bound(start.unpack(carried));
        const next = this.#body(body, step, roles, inside);
        const packed = packAll(
          body,
          carriedAt.map((index) => at(next.results, index)),
        );
        rebuild = (tensors) => packed.unpack(tensors);
        const [going] = this.#region(body, step.condition, bound(carriedAt.map((index) => at(next.results, index))));
        if (going === undefined) throw new InternalError("a loop without a condition");
        return { condition: truth(body, going), carried: packed.tensors, scanned: next.scanned };
      },
    );
    const last = unpacked(rebuild, result.carried);
    let scanned = 0;
    return roles.map((role, index): OpValue => {
      if (role.kind === "invariant") return at(initial, index);
      if (role.kind === "carried") return at(last, carriedAt.indexOf(index));
      const rows = at(result.scanned, scanned++);
      const { order } = role.list;
      const tensor =
        order === "counted"
          ? rows
          : order === "first"
            ? slice(graph, rows, { axes: [0], starts: [-1], ends: [2 ** 31 - 1] })
            : sortedRows(graph, rows, at(result.scanned, scanned++));
      return { kind: "list", form: "stacked", tensor: viewOf(tensor) };
    });
  }

  /** The body of a loop, with what it writes to lists apart. */
  #body(
    body: GraphBuilder,
    step: WhileStep,
    roles: readonly Role[],
    environment: Environment,
  ): { readonly results: readonly OpValue[]; readonly scanned: readonly GraphTensor[] } {
    const writes = new Map<Step, ScannedList>();
    for (const role of roles) if (role.kind === "scanned") writes.set(role.list.write, role.list);
    const elements = [...writes.values()].flatMap(({ element, order }) =>
      typeof order === "string" ? element : [element, order.place],
    );
    const results = step.body.results.filter(({ step: source }) => !writes.has(source));
    const rest: Region = {
      ...step.body,
      steps: step.body.steps.filter((each) => !writes.has(each)),
      results: [...results, ...elements],
    };
    const values = this.#region(body, rest, environment);
    const kept = values.slice(0, results.length).values();
    const scanned = values.slice(results.length).map((value) => {
      if (!isTensor(value)) throw new ExportError("a list of complex numbers cannot be written in a loop");
      return body.plain(value);
    });
    return {
      results: step.body.results.map((port): OpValue => {
        const list = writes.get(port.step);
        if (list !== undefined) return environment.read(at(list.write.inputs, listPlace(list)));
        const next = kept.next();
        if (next.done === true) throw new InternalError("a loop's body gives too few values");
        return next.value;
      }),
      scanned,
    };
  }
}

/** Rows in the order of the places they were written to, each once. */
function sortedRows(graph: GraphBuilder, rows: GraphTensor, places: GraphTensor): GraphTensor {
  const flat = reshape(graph, places, graph.int64s([-1]));
  const sorted = graph.node("TopK", [flat, shapeOf(graph, flat)], { axis: int(0), largest: int(0) }, 2);
  return gather(graph, rows, at(sorted, 1));
}

/** The If and others of the same condition that read nothing which comes after it. */
function together(region: Region, step: IfStep, done: ReadonlySet<Step>): readonly Step[] {
  const start = region.steps.indexOf(step);
  const later = new Set(region.steps.slice(start));
  const { condition } = step;
  return region.steps.slice(start).filter((other) => {
    if (other === step) return true;
    if (other.kind !== "if" || done.has(other)) return false;
    const isSame = other.condition.step === condition.step && other.condition.output === condition.output;
    return isSame && readsOf(other).every((port) => !later.has(port.step));
  });
}

/** The steps of several regions, each once, and the results of all. */
function joinRegions(regions: readonly Region[]): Region {
  const steps = new Set(regions.flatMap((region) => region.steps));
  return {
    steps: [...steps].toSorted((a, b) => a.order - b.order),
    results: regions.flatMap((region) => region.results),
    captures: regions.flatMap((region) => region.captures),
  };
}

function listPlace({ write }: ScannedList): number {
  return write.node.op === "TensorArrayWriteV3" ? 3 : 0;
}

function unpacked(
  unpack: ((tensors: readonly GraphTensor[]) => readonly OpValue[]) | null,
  tensors: readonly GraphTensor[],
): readonly OpValue[] {
  if (unpack === null) throw new InternalError("a body was not written");
  return unpack(tensors);
}

/** Whether a condition holds, when it is known. TF.js looks at the first element. */
function truthOf(condition: OpValue): boolean | null {
  const first = firstOf(condition);
  return first === null ? null : first !== 0;
}

/** The first number of a constant. */
function firstOf(value: OpValue): number | null {
  if (!isTensor(value)) return null;
  const { constant, elements } = value.tensor;
  const [size] = elements ?? [];
  if (size !== undefined) return asNumber(size);
  return constant === null ? null : firstElement(constant);
}

function firstElement({ dtype, data }: Tensor): number | null {
  return dtype === "string" || data.length === 0 ? null : Number(data[0]);
}

/** A condition as ONNX takes it: a bool scalar. */
function truth(graph: GraphBuilder, condition: OpValue): GraphTensor {
  if (!isTensor(condition)) throw new ExportError("a condition must be a tensor of real numbers");
  return cast(graph, scalarOf(graph, condition), "bool");
}

function scalarOf(graph: GraphBuilder, value: Value): GraphTensor {
  const tensor = graph.plain(value);
  if (value.rank === 0) return tensor;
  const flat = reshape(graph, tensor, graph.int64s([-1]));
  return gather(graph, flat, graph.constant("first", { dtype: "int64", dims: [], data: BigInt64Array.of(0n) }));
}

/** `node while/add (AddV2)` */
export function nodeName(step: Step): string {
  return step.kind === "op" ? `node ${step.name} (${step.node.op})` : `node ${step.name}`;
}

function inNode(step: Step, error: ToolError): ToolError {
  if (error.message.startsWith("node ")) return error;
  const message = `${nodeName(step)}: ${error.message}`;
  const options = { cause: error, ...(error.hint === undefined ? {} : { hint: error.hint }) };
  return error instanceof ModelFormatError
    ? new ModelFormatError(message, options)
    : new InternalError(message, options);
}
