import type { GraphDType } from "../source/dtype.ts";
import type { GraphNode } from "../source/node.ts";

import type { TagSet } from "./tags.ts";

/** One of the tensors that a step gives. */
export interface Port {
  readonly step: Step;
  /** 0-based. */
  readonly output: number;
}

interface StepBase {
  /** Place in the order of execution: a step comes after those that it reads. */
  readonly order: number;
  /** The branches and loops that the step is in. */
  readonly tags: TagSet;
  /** The node, with the calls of functions that lead to it: `StatefulPartitionedCall/while/body/MatMul`. */
  readonly name: string;
}

/** An operator that computes its outputs from its inputs. */
export interface OpStep extends StepBase {
  readonly kind: "op";
  readonly node: GraphNode;
  readonly inputs: readonly Port[];
}

/** A value from outside: an input of the model, or what a loop carries from one iteration to the next. */
export interface ParameterStep extends StepBase {
  readonly kind: "parameter";
  /** Where it is known: that of a Placeholder. */
  readonly dtype: GraphDType | null;
}

/** Hands a value on. It marks what is computed in one branch only. */
export interface AliasStep extends StepBase {
  readonly kind: "alias";
  readonly input: Port;
}

/** Computes one of two regions. Output i is result i of the region that was computed. */
export interface IfStep extends StepBase {
  readonly kind: "if";
  /** A scalar; TF.js takes the first element, and any number but 0 for true. */
  readonly condition: Port;
  readonly whenTrue: Region;
  readonly whenFalse: Region;
}

/**
 * Computes `body` as long as `condition` holds. The parameters start as `initial`, and become the body's results after each
 * iteration; output i is what parameter i is in the end.
 */
export interface WhileStep extends StepBase {
  readonly kind: "while";
  readonly initial: readonly Port[];
  readonly parameters: readonly ParameterStep[];
  /** Its only result is the condition. */
  readonly condition: Region;
  readonly body: Region;
}

export type Step = OpStep | ParameterStep | AliasStep | IfStep | WhileStep;

/** Steps in order, and what they give. They may read steps of the regions around them. */
export interface Region {
  readonly steps: readonly Step[];
  readonly results: readonly Port[];
  /** Values of regions around this one that it reads, each once. */
  readonly captures: readonly Port[];
}

/** A graph without jumps: all control flow is If and While. */
export interface StructuredGraph {
  /** One for each input of the model, in order. */
  readonly inputs: readonly ParameterStep[];
  /** The results are the model's outputs in order. */
  readonly region: Region;
}

/** Everything that a step reads, the captures of its regions included. */
export function readsOf(step: Step): readonly Port[] {
  switch (step.kind) {
    case "op":
      return step.inputs;
    case "parameter":
      return [];
    case "alias":
      return [step.input];
    case "if":
      return [step.condition, ...step.whenTrue.captures, ...step.whenFalse.captures];
    case "while":
      return [...step.initial, ...step.condition.captures, ...step.body.captures];
    default:
      return step satisfies never;
  }
}
