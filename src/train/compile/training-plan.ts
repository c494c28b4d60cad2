import {
  type Attribute,
  type Attributes,
  boolAttribute,
  NodeMaker,
  nameOf,
  type Ref,
  refOf,
  type TensorType,
  typeAttribute,
} from "./graph.ts";
import type { TrainedWeight } from "./ledger.ts";
import { FLOAT } from "./native.ts";
import type { FusedUpdate, Operand } from "./optimizer.ts";
import { type Plan, planOf } from "./program.ts";
import { makeHandle, type Trace } from "./tracer.ts";

/** Labels that the recorded function gives to what it returns beside loss and metrics. */
export const gradientLabel = (index: number): string => `gradient/${index}`;
export const SCALAR_LABEL = "scalar/";
export const KEEP_LABEL = "keep";
export const AVERAGE_LABEL = "average";

export interface FusedTraining {
  readonly fused: FusedUpdate;
  readonly trained: readonly TrainedWeight[];
}

/**
 * The plan of a step whose updates TensorFlow's fused kernels do: the trace returns the gradients and the scalars, and
 * one kernel a weight is added, with the decay before it and the moving average after it.
 */
export function fusedPlan(trace: Trace, types: (variable: number) => TensorType, training: FusedTraining): Plan {
  const { results, internal } = split(trace);
  const base = planOf({ ...trace, outputs: results }, types);
  const maker = new NodeMaker("w");
  const writer = new UpdateWriter(maker, trace, internal, types, training.fused);
  training.trained.forEach((weight, index) => {
    const gradient = internal[gradientLabel(index)];
    if (gradient !== undefined) writer.update(weight, gradient);
  });
  return {
    ...base,
    nodes: [...base.nodes, ...maker.nodes],
    updates: [...base.updates, ...writer.updates],
    variables: new Map([...base.variables, ...writer.variables]),
    writes: [...base.writes, ...writer.variables.keys()],
  };
}

/** Parts what the caller wants to see from what only the updates need. */
export function split(trace: Trace): { results: Record<string, Ref>; internal: Record<string, Ref> } {
  const results: Record<string, Ref> = {};
  const internal: Record<string, Ref> = {};
  for (const [label, ref] of Object.entries(trace.outputs)) {
    const shown = label === "loss" || label.startsWith("metric/");
    (shown ? results : internal)[label] = ref;
  }
  return { results, internal };
}

class UpdateWriter {
  readonly updates: string[] = [];
  readonly variables = new Map<number, TensorType>();
  readonly #maker: NodeMaker;
  readonly #trace: Trace;
  readonly #internal: Readonly<Record<string, Ref>>;
  readonly #types: (variable: number) => TensorType;
  readonly #fused: FusedUpdate;

  constructor(
    maker: NodeMaker,
    trace: Trace,
    internal: Readonly<Record<string, Ref>>,
    types: (variable: number) => TensorType,
    fused: FusedUpdate,
  ) {
    this.#maker = maker;
    this.#trace = trace;
    this.#internal = internal;
    this.#types = types;
    this.#fused = fused;
  }

  update(weight: TrainedWeight, gradient: Ref): void {
    const read = this.#trace.reads.get(weight.weight);
    const before = read === undefined ? [] : [nameOf(read)];
    const decayed = weight.decays ? [this.#decay(weight.weight, before)] : [];
    const name = `apply/${weight.weight}`;
    const inputs = this.#fused.operands.map((operand) => this.#operand(operand, weight, gradient));
    this.#maker.make(this.#fused.op, inputs, this.#attributes(), [], { name, controls: [...before, ...decayed] });
    this.updates.push(name);
    if (weight.average !== undefined) this.updates.push(this.#average(weight.weight, weight.average, name));
  }

  #attributes(): Attributes {
    const attributes: Record<string, Attribute> = { T: typeAttribute(FLOAT), use_locking: boolAttribute(false) };
    for (const [name, value] of Object.entries(this.#fused.attributes)) attributes[name] = boolAttribute(value);
    return attributes;
  }

  #operand(operand: Operand, weight: TrainedWeight, gradient: Ref): Ref {
    switch (operand.kind) {
      case "variable":
        return this.#handle(weight.weight);
      case "slot":
        return this.#handle(weight.slots[operand.index] ?? weight.weight);
      case "scalar":
        return this.#named(`${SCALAR_LABEL}${operand.index}`);
      case "constant":
        return this.#maker.constant(Float32Array.of(operand.value), SCALAR);
      case "gradient":
      default:
        return gradient;
    }
  }

  #handle(variable: number): Ref {
    const type = this.#types(variable);
    this.variables.set(variable, type);
    return this.#trace.reads.has(variable) ? refOf(`variable/${variable}`) : makeHandle(this.#maker, variable, type);
  }

  #named(label: string): Ref {
    const ref = this.#internal[label];
    if (ref === undefined) throw new Error(`training plan: the trace has no ${label}`);
    return ref;
  }

  /** w = w * keep, once everything has read w. */
  #decay(variable: number, controls: readonly string[]): string {
    const type = this.#types(variable);
    const current = this.#read(variable, controls);
    const decayed = this.#maker.one("Mul", [current, this.#named(KEEP_LABEL)], { T: typeAttribute(FLOAT) }, type);
    return this.#assign(variable, decayed, `decay/${variable}`);
  }

  /** a = a - (a - w) * (1 - d), with the w of after the update. */
  #average(variable: number, average: number, updated: string): string {
    const type = this.#types(variable);
    const attributes = { T: typeAttribute(FLOAT) };
    const weight = this.#read(variable, [updated]);
    const old = this.#read(average, []);
    const one = this.#maker.constant(Float32Array.of(1), SCALAR);
    const step = this.#maker.one("Sub", [one, this.#named(AVERAGE_LABEL)], attributes, SCALAR);
    const difference = this.#maker.one("Sub", [old, weight], attributes, type);
    const moved = this.#maker.one("Mul", [difference, step], attributes, type);
    const value = this.#maker.one("Sub", [old, moved], attributes, type);
    return this.#assign(average, value, `average/${variable}`);
  }

  #read(variable: number, controls: readonly string[]): Ref {
    const name = `reread/${variable}_${this.#maker.nodes.length}`;
    const attributes = { dtype: typeAttribute(FLOAT) };
    const type = this.#types(variable);
    this.#maker.make("ReadVariableOp", [this.#handle(variable)], attributes, [type], { name, controls });
    return refOf(name);
  }

  #assign(variable: number, value: Ref, name: string): string {
    this.#maker.make("AssignVariableOp", [this.#handle(variable), value], { dtype: typeAttribute(FLOAT) }, [], {
      name,
    });
    return name;
  }
}

const SCALAR: TensorType = { dtype: FLOAT, shape: [] };
