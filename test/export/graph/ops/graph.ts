import { bools, constant, floats, ints, RANKS, strings } from "../case-values.ts";
import { attr, graphCase, node, opCase, type OpCase } from "../op-case.ts";

const passed: OpCase[] = ["Identity", "Snapshot", "StopGradient", "FakeQuantWithMinMaxVars"].flatMap((op) => [
  ...RANKS.map((shape) => opCase(op, `[${shape.join()}]`, [floats(shape)])),
  opCase(op, "int32", [ints([2, 3])]),
  opCase(op, "of a constant", [constant(floats([2, 3]))]),
]);

const others: OpCase[] = [
  opCase("Identity", "bool", [bools([3])]),
  opCase("Identity", "string", [strings(["a", "b"])]),
  opCase("IdentityN", "", [floats([2, 3]), ints([4]), bools([])], { outputs: 3 }),
  opCase("PlaceholderWithDefault", "", [constant(floats([2, 3]))], {
    attrs: { dtype: attr.type("float32"), shape: attr.shape([2, 3]) },
  }),
  graphCase("Const", "", { x: constant(floats([2, 3])) }, [node("Identity", "op", ["x"])], { fetch: ["op"] }),
  graphCase("Placeholder", "", { x: floats([2, 3]) }, [node("Identity", "op", ["x"])], { fetch: ["op"] }),
  graphCase(
    "NoOp",
    "as a control input",
    { x: floats([2, 3]) },
    [node("NoOp", "nothing", []), node("Identity", "op", ["x", "^nothing"])],
    { fetch: ["op"] },
  ),
];

const printed: OpCase[] = [
  opCase("Print", "", [floats([2, 3]), floats([2])], { attrs: { message: attr.string("x") } }),
];

const shapes: OpCase[] = [
  ...["Shape", "Size", "Rank"].flatMap((op) => [
    ...RANKS.map((shape) => opCase(op, `[${shape.join()}]`, [floats(shape)])),
    opCase(op, "int32", [ints([2, 3])], { attrs: { out_type: attr.type("int32") } }),
    opCase(op, "string", [strings(["a", "b", "c"])]),
  ]),
  // TF.js gives the shapes as float32.
  opCase("ShapeN", "", [floats([2, 3]), ints([4]), floats([2, 1, 3])], { outputs: 3 }),
];

export const graph: readonly OpCase[] = [...passed, ...others, ...printed, ...shapes];
