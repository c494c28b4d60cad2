import { floats } from "../case-values.ts";
import { graphCase, node, type OpCase } from "../op-case.ts";

/** Decision forests run in TF.js with a package of their own, on files beside the model. */
export const tfdf: readonly OpCase[] = [
  "SimpleMLCreateModelResource",
  "SimpleMLLoadModelFromPathWithHandle",
  "SimpleMLInferenceOpWithHandle",
].map((op) =>
  graphCase(op, "", { x: floats([2, 3]) }, [node(op, "forest", ["x"]), node("Identity", "op", ["forest"])], {
    fetch: ["op"],
    tfjsThrows: /./,
    refused: new RegExp(op),
  }),
);
