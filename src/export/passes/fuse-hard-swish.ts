import { haveSameShape, madeBy, pairsOf, scalarConstant, threeFactors } from "./match.ts";
import type { Pass } from "./pass.ts";
import type { PassTensor } from "./pass-graph.ts";

/** `x · clip(x + 3, 0, 6) / 6`, in any order of the factors: HardSwish. */
export const fuseHardSwish: Pass = {
  name: "fuseHardSwish",
  startsAt: ["Mul"],
  minOpset: 14,
  apply(node, graph) {
    for (const [sixth, gate, input] of threeFactors(node)) {
      // A constant with more axes gives the product more axes.
      if (!isSixth(scalarConstant(sixth)) || input !== gatedBy(gate)) continue;
      if (!haveSameShape(input, node.outputs[0])) continue;
      graph.redefine(node, { opType: "HardSwish", inputs: [input] });
      return true;
    }
    return false;
  },
};

/** The x of `clip(x + 3, 0, 6)`; null when the tensor is something else. */
function gatedBy(gate: PassTensor): PassTensor | null {
  const clip = madeBy(gate, "Clip");
  if (clip === null || scalarConstant(clip.inputs[1]) !== 0 || scalarConstant(clip.inputs[2]) !== 6) return null;
  for (const [input, three] of pairsOf(madeBy(clip.inputs[0], "Add"))) if (scalarConstant(three) === 3) return input;
  return null;
}

/** One sixth, rounded to float32 or to fewer digits, as models have it. */
function isSixth(value: number | null): boolean {
  return value !== null && Math.abs(value * 6 - 1) < 2e-7;
}
