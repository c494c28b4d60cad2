import { elementwise } from "./elementwise.ts";
import { neural } from "./neural.ts";
import { other } from "./other.ts";
import { reductions } from "./reduction.ts";
import type { Rule } from "./rule.ts";
import { shapes } from "./shape.ts";

/** Rules of ONNX's own operators by name. If, Loop and Scan have none: their types are those of their bodies. */
const RULES: ReadonlyMap<string, Rule> = new Map<string, Rule>([
  ...elementwise,
  ...shapes,
  ...reductions,
  ...neural,
  ...other,
]);

/** The rule for an operator of ONNX's own set, or null. */
export function ruleFor(opType: string, domain: string): Rule | null {
  return domain === "" ? (RULES.get(opType) ?? null) : null;
}

export { OperatorCall, type Inferred, type Operand, type Rule, type TensorType } from "./rule.ts";
