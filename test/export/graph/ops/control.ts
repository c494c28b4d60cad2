import { axes, floats, given, scalar } from "../case-values.ts";
import { attr, graphCase, node, type CaseFunction, type CaseInput, type CaseNode, type OpCase } from "../op-case.ts";

const FLOAT = "DT_FLOAT";
const INT = "DT_INT32";
const BOOL = "DT_BOOL";
const VARIANT = "DT_VARIANT";

function body(
  name: string,
  inputs: Readonly<Record<string, string>>,
  outputs: CaseFunction["outputs"],
  nodes: readonly CaseNode[],
  constants: Readonly<Record<string, CaseInput>> = {},
): CaseFunction {
  return {
    name,
    inputs: Object.entries(inputs).map(([input, type]) => ({ name: input, type })),
    outputs,
    nodes,
    constants,
  };
}

const doubled = body(
  "then",
  { x: FLOAT },
  [{ name: "y", type: FLOAT, from: "add:z:0" }],
  [node("AddV2", "add", ["x", "x"])],
);
const squared = body(
  "else",
  { x: FLOAT },
  [{ name: "y", type: FLOAT, from: "mul:z:0" }],
  [node("Mul", "mul", ["x", "x"])],
);

const branches: OpCase[] = ["If", "StatelessIf"].flatMap((op) => [
  ...[0, 1].map((condition) =>
    graphCase(
      op,
      condition === 1 ? "taken" : "not taken",
      { condition: given("bool", [condition], []), x: floats([2, 3]) },
      [node(op, "op", ["condition", "x"], { then_branch: attr.func("then"), else_branch: attr.func("else") })],
      { fetch: ["op"], functions: [doubled, squared] },
    ),
  ),
  graphCase(
    op,
    "with a constant condition",
    { condition: scalar(1, "bool"), x: floats([2, 3]) },
    [node(op, "op", ["condition", "x"], { then_branch: attr.func("then"), else_branch: attr.func("else") })],
    { fetch: ["op"], functions: [doubled, squared] },
  ),
]);

const counter = body(
  "cond",
  { i: INT, n: INT, x: FLOAT },
  [{ name: "go", type: BOOL, from: "less:z:0" }],
  [node("Less", "less", ["i", "n"])],
);
const stepper = body(
  "body",
  { i: INT, n: INT, x: FLOAT },
  [
    { name: "i_out", type: INT, from: "next:z:0" },
    { name: "n_out", type: INT, from: "n" },
    { name: "x_out", type: FLOAT, from: "grown:z:0" },
  ],
  [node("AddV2", "next", ["i", "one"]), node("Mul", "grown", ["x", "factor"])],
  { one: scalar(1), factor: scalar(1.5, "float32") },
);

const loops: OpCase[] = ["While", "StatelessWhile"].flatMap((op) =>
  [0, 1, 5].map((count) =>
    graphCase(
      op,
      `${count} times`,
      { i: scalar(0), n: given("int32", [count], []), x: floats([2, 3]) },
      [node(op, "op", ["i", "n", "x"], { cond: attr.func("cond"), body: attr.func("body") })],
      { fetch: ["op", "op:2"], functions: [counter, stepper] },
    ),
  ),
);

const switches: OpCase[] = [0, 1].map((condition) =>
  graphCase(
    "Switch",
    `and Merge, ${condition === 1 ? "true" : "false"}`,
    { x: floats([2, 3]), condition: given("bool", [condition], []) },
    [
      node("Switch", "switch", ["x", "condition"]),
      node("Mul", "squared", ["switch", "switch"]),
      node("AddV2", "doubled", ["switch:1", "switch:1"]),
      node("Merge", "op", ["squared", "doubled"]),
    ],
    { fetch: ["op"] },
  ),
);

function frame(name: string, isConstant = false): Record<string, ReturnType<typeof attr.string>> {
  return { frame_name: attr.string(name), ...(isConstant ? { is_constant: attr.bool(true) } : {}) };
}

const framed: OpCase[] = [0, 1, 4].map((count) =>
  graphCase(
    "NextIteration",
    `${count} times`,
    {
      zero: scalar(0),
      one: scalar(1),
      n: given("int32", [count], []),
      x: floats([2, 3]),
      factor: scalar(1.5, "float32"),
    },
    [
      node("Enter", "i_in", ["zero"], frame("loop")),
      node("Enter", "x_in", ["x"], frame("loop")),
      node("Enter", "n_in", ["n"], frame("loop", true)),
      node("Enter", "one_in", ["one"], frame("loop", true)),
      node("Enter", "factor_in", ["factor"], frame("loop", true)),
      node("Merge", "i", ["i_in", "i_next"]),
      node("Merge", "x_now", ["x_in", "x_next"]),
      node("Less", "less", ["i", "n_in"]),
      node("LoopCond", "go", ["less"]),
      node("Switch", "i_switch", ["i", "go"]),
      node("Switch", "x_switch", ["x_now", "go"]),
      node("Identity", "i_body", ["i_switch:1"]),
      node("Identity", "x_body", ["x_switch:1"]),
      node("AddV2", "i_added", ["i_body", "one_in"]),
      node("Mul", "x_grown", ["x_body", "factor_in"]),
      node("NextIteration", "i_next", ["i_added"]),
      node("NextIteration", "x_next", ["x_grown"]),
      node("Exit", "i_out", ["i_switch"]),
      node("Exit", "x_out", ["x_switch"]),
    ],
    { fetch: ["i_out", "x_out"] },
  ),
);

const ELEMENT = { element_dtype: attr.type("float32") };

/** List ops without a loop. */
const lists: OpCase[] = [
  graphCase(
    "TensorListStack",
    "of a tensor's rows",
    { x: floats([3, 2]), shape: axes([2]) },
    [
      node("TensorListFromTensor", "list", ["x", "shape"], ELEMENT),
      node("TensorListStack", "op", ["list", "shape"], { ...ELEMENT, num_elements: attr.int(3) }),
    ],
    { fetch: ["op"] },
  ),
  graphCase(
    "TensorListReserve",
    "set out of order",
    { a: floats([2]), b: floats([2]), shape: axes([2]), two: scalar(2), zero: scalar(0), one: scalar(1) },
    [
      node("TensorListReserve", "list", ["shape", "two"], ELEMENT),
      node("TensorListSetItem", "first", ["list", "one", "a"], ELEMENT),
      node("TensorListSetItem", "second", ["first", "zero", "b"], ELEMENT),
      node("TensorListStack", "op", ["second", "shape"], ELEMENT),
    ],
    { fetch: ["op"] },
  ),
  graphCase(
    "TensorListGetItem",
    "by a fed index",
    { x: floats([3, 2]), shape: axes([2]), index: given("int32", [1], []) },
    [
      node("TensorListFromTensor", "list", ["x", "shape"], ELEMENT),
      node("TensorListGetItem", "op", ["list", "index", "shape"], ELEMENT),
    ],
    { fetch: ["op"] },
  ),
  graphCase(
    "TensorListSetItem",
    "in place of a row",
    { x: floats([3, 2]), y: floats([2]), shape: axes([2]), index: scalar(1) },
    [
      node("TensorListFromTensor", "list", ["x", "shape"], ELEMENT),
      node("TensorListSetItem", "set", ["list", "index", "y"], ELEMENT),
      node("TensorListStack", "op", ["set", "shape"], ELEMENT),
    ],
    { fetch: ["op"] },
  ),
  graphCase(
    "TensorListLength",
    "",
    { x: floats([3, 2]), shape: axes([2]) },
    [node("TensorListFromTensor", "list", ["x", "shape"], ELEMENT), node("TensorListLength", "op", ["list"])],
    { fetch: ["op"] },
  ),
  graphCase(
    "TensorListGather",
    "",
    { x: floats([4, 2]), shape: axes([2]), indices: axes([3, 0, 3]) },
    [
      node("TensorListFromTensor", "list", ["x", "shape"], ELEMENT),
      node("TensorListGather", "op", ["list", "indices", "shape"], ELEMENT),
    ],
    { fetch: ["op"] },
  ),
  ...["TensorListScatter", "TensorListScatterV2"].map((op) =>
    graphCase(
      op,
      "",
      { x: floats([3, 2]), shape: axes([2]), indices: axes([2, 0, 1]), count: scalar(3) },
      [
        node(op, "list", ["x", "indices", "shape", ...(op.endsWith("V2") ? ["count"] : [])], ELEMENT),
        node("TensorListStack", "op", ["list", "shape"], ELEMENT),
      ],
      { fetch: ["op"] },
    ),
  ),
  ...["TensorListConcat", "TensorListConcatV2"].map((op) =>
    graphCase(
      op,
      "of pieces",
      // TF.js's TensorListSplit works for pieces of length 1 alone, whose first axis it drops.
      { x: floats([3, 2]), shape: axes([2]), lengths: axes([1, 1, 1]) },
      [
        node("TensorListSplit", "list", ["x", "shape", "lengths"], ELEMENT),
        node(op, "op", ["list"], { ...ELEMENT, element_shape: attr.shape([2]) }),
      ],
      { fetch: ["op"] },
    ),
  ),
  graphCase(
    "TensorListPushBack",
    "and PopBack",
    { a: floats([2]), b: floats([2]), shape: axes([2]), most: scalar(5) },
    [
      node("EmptyTensorList", "list", ["shape", "most"], ELEMENT),
      node("TensorListPushBack", "one", ["list", "a"], ELEMENT),
      node("TensorListPushBack", "two", ["one", "b"], ELEMENT),
      node("TensorListPopBack", "op", ["two", "shape"], ELEMENT),
    ],
    { fetch: ["op"] },
  ),
  graphCase(
    "TensorListResize",
    "",
    { x: floats([3, 2]), shape: axes([2]), size: scalar(2) },
    [
      node("TensorListFromTensor", "list", ["x", "shape"], ELEMENT),
      node("TensorListResize", "cut", ["list", "size"]),
      node("TensorListStack", "op", ["cut", "shape"], ELEMENT),
    ],
    { fetch: ["op"] },
  ),
];

const ARRAY = {
  dtype: attr.type("float32"),
  element_shape: attr.shape([2]),
  dynamic_size: attr.bool(false),
  clear_after_read: attr.bool(false),
  identical_element_shapes: attr.bool(true),
};

const arrays: OpCase[] = [
  graphCase(
    "TensorArrayV3",
    "written and gathered",
    { size: scalar(2), zero: scalar(0), one: scalar(1), a: floats([2]), b: floats([2]), all: axes([0, 1]) },
    [
      node("TensorArrayV3", "array", ["size"], ARRAY),
      node("TensorArrayWriteV3", "first", ["array", "zero", "a", "array:1"]),
      node("TensorArrayWriteV3", "second", ["array", "one", "b", "first"]),
      node("TensorArrayGatherV3", "op", ["array", "all", "second"], { ...ARRAY, dtype: attr.type("float32") }),
    ],
    { fetch: ["op"] },
  ),
  graphCase(
    "TensorArrayReadV3",
    "after Scatter",
    { size: scalar(3), x: floats([3, 2]), all: axes([0, 1, 2]), index: given("int32", [2], []) },
    [
      node("TensorArrayV3", "array", ["size"], ARRAY),
      node("TensorArrayScatterV3", "filled", ["array", "all", "x", "array:1"], { T: attr.type("float32") }),
      node("TensorArrayReadV3", "op", ["array", "index", "filled"], { dtype: attr.type("float32") }),
    ],
    { fetch: ["op"] },
  ),
  graphCase(
    "TensorArraySizeV3",
    "",
    { size: scalar(3) },
    [node("TensorArrayV3", "array", ["size"], ARRAY), node("TensorArraySizeV3", "op", ["array", "array:1"])],
    { fetch: ["op"] },
  ),
  graphCase(
    "TensorArrayCloseV3",
    "once all is read",
    { size: scalar(1), zero: scalar(0), a: floats([2]) },
    [
      node("TensorArrayV3", "array", ["size"], ARRAY),
      node("TensorArrayWriteV3", "written", ["array", "zero", "a", "array:1"]),
      node("TensorArrayReadV3", "read", ["array", "zero", "written"], { dtype: attr.type("float32") }),
      node("TensorArrayCloseV3", "close", ["array", "^read"]),
    ],
    // TF.js disposes the array's handle here, and throws when anything depends on the node.
    { fetch: ["read"] },
  ),
  graphCase(
    "TensorArrayConcatV3",
    "after Split",
    { size: scalar(2), x: floats([5, 2]), lengths: axes([2, 3]) },
    [
      node("TensorArrayV3", "array", ["size"], {
        ...ARRAY,
        element_shape: attr.shape([-1, 2]),
        identical_element_shapes: attr.bool(false),
      }),
      node("TensorArraySplitV3", "filled", ["array", "x", "lengths", "array:1"], { T: attr.type("float32") }),
      node("TensorArrayConcatV3", "op", ["array", "filled"], { dtype: attr.type("float32") }),
    ],
    { fetch: ["op"] },
  ),
];

/** A loop that writes its steps to a list, as Keras's recurrent layers do. */
const scanning: OpCase[] = [1, 4].map((steps) =>
  graphCase(
    "While",
    `with a list of ${steps}`,
    { x: floats([steps, 2, 3]), i: scalar(0), n: scalar(steps), shape: axes([2, 3]), state: floats([2, 3]) },
    [
      node("TensorListFromTensor", "rows", ["x", "shape"], ELEMENT),
      node("TensorListReserve", "list", ["shape", "n"], ELEMENT),
      node("While", "loop", ["i", "n", "list", "rows", "state"], { cond: attr.func("cond"), body: attr.func("body") }),
      node("TensorListStack", "op", ["loop:2", "shape"], ELEMENT),
      node("Identity", "last", ["loop:4"]),
    ],
    {
      fetch: ["op", "last"],
      functions: [
        body(
          "cond",
          { i: INT, n: INT, list: VARIANT, rows: VARIANT, state: FLOAT },
          [{ name: "go", type: BOOL, from: "less:z:0" }],
          [node("Less", "less", ["i", "n"])],
        ),
        body(
          "body",
          { i: INT, n: INT, list: VARIANT, rows: VARIANT, state: FLOAT },
          [
            { name: "i_out", type: INT, from: "next:z:0" },
            { name: "n_out", type: INT, from: "n" },
            { name: "list_out", type: VARIANT, from: "set:output_handle:0" },
            { name: "rows_out", type: VARIANT, from: "rows" },
            { name: "state_out", type: FLOAT, from: "tanh:y:0" },
          ],
          [
            node("TensorListGetItem", "row", ["rows", "i", "shape"], ELEMENT),
            node("AddV2", "sum", ["row:item:0", "state"]),
            node("Tanh", "tanh", ["sum:z:0"]),
            node("TensorListSetItem", "set", ["list", "i", "tanh:y:0"], ELEMENT),
            node("AddV2", "next", ["i", "one"]),
          ],
          { one: scalar(1), shape: axes([2, 3]) },
        ),
      ],
    },
  ),
);

export const control: readonly OpCase[] = [
  ...branches,
  ...loops,
  ...switches,
  ...framed,
  ...lists,
  ...arrays,
  ...scanning,
];
