import { describe, expect, test } from "vitest";

import { describeRef, readCalls, readRefs } from "../../../src/export/source/calls.ts";
import type { Json } from "../../../src/export/source/json.ts";

const NAMES = new Set(["a", "b"]);
const a = { layer: "a", call: 0, tensor: 0 };
const b = { layer: "b", call: 1, tensor: 2 };
const keras = (name: string, call: number, index: number): Json => ({
  class_name: "__keras_tensor__",
  config: { keras_history: [name, call, index] },
});
const tensors = (...refs: readonly (typeof a)[]): unknown => ({ kind: "tensors", refs });
const value = (held: Json): unknown => ({ kind: "value", value: held });

const READ: readonly (readonly [name: string, nodes: Json, calls: unknown])[] = [
  ["no nodes", null, []],
  ["a node without inputs", [[]], []],
  ["a list for each input", [[["a", 0, 0, {}]]], [{ inputs: [a], kwargs: {} }]],
  ["a node without the list around it", [["b", 1, 2, {}]], [{ inputs: [b], kwargs: {} }]],
  [
    "two calls",
    [[["a", 0, 0]], [["b", 1, 2, null]]],
    [
      { inputs: [a], kwargs: {} },
      { inputs: [b], kwargs: {} },
    ],
  ],
  ["a tensor under a key", [[["a", 0, 0, { value: ["b", 1, 2] }]]], [{ inputs: [a], kwargs: { value: tensors(b) } }]],
  [
    "tensors under a key",
    [
      [
        [
          "a",
          0,
          0,
          {
            values: [
              ["b", 1, 2],
              ["a", 0, 0],
            ],
          },
        ],
      ],
    ],
    [{ inputs: [a], kwargs: { values: tensors(b, a) } }],
  ],
  [
    "values under keys",
    [[["a", 0, 0, { none: null, size: ["c", 1, 2], mixed: [["a", 0, 0], 3], empty: [], far: ["a", -1, 0] }]]],
    [
      {
        inputs: [a],
        kwargs: {
          size: value(["c", 1, 2]),
          mixed: value([["a", 0, 0], 3]),
          empty: value([]),
          far: value(["a", -1, 0]),
        },
      },
    ],
  ],
  [
    "constants of TensorFlow 2",
    [
      ["a", 0, 0, {}],
      [
        ["_CONSTANT_VALUE", -1, 2.5, {}],
        ["b", 1, 2, {}],
      ],
    ],
    [
      { inputs: [a], kwargs: {} },
      { inputs: [b], kwargs: { args: value([2.5]) } },
    ],
  ],
  [
    "tensors of Keras 3, however deep",
    [{ args: [[keras("a", 0, 0), { x: keras("b", 1, 2) }], 4], kwargs: { mask: keras("a", 0, 0), rate: 2 } }],
    [{ inputs: [a, b], kwargs: { args: value([4]), mask: tensors(a), rate: value(2) } }],
  ],
  [
    "inputs of Keras 3 by name",
    [{ args: [], kwargs: { inputs: [keras("a", 0, 0)], training: false } }],
    [{ inputs: [a], kwargs: { training: value(false) } }],
  ],
  [
    "inputs by name beside others",
    [{ args: [keras("b", 1, 2)], kwargs: { inputs: keras("a", 0, 0) } }],
    [{ inputs: [b], kwargs: { inputs: tensors(a) } }],
  ],
  ["no keyword arguments", [{ args: [keras("a", 0, 0)] }], [{ inputs: [a], kwargs: {} }]],
];

describe("calls of a layer", () => {
  test.each(READ)("%s", (_, nodes, calls) => {
    expect(readCalls(nodes, NAMES)).toEqual(calls);
  });

  const WRONG: readonly (readonly [nodes: Json, message: string])[] = [
    [{}, "inbound_nodes must be a list"],
    [[3], "a node of inbound_nodes must be a list; got 3"],
    [[[["a", 0]]], "inbound_nodes must refer to layers as [name, call, tensor]"],
    [[[["a", -1, 0]]], "inbound_nodes must refer to layers"],
    [[[["a", 0, 0, {}, 1]]], "inbound_nodes must refer to layers"],
    [[[["a", 0, 0, 3]]], "keyword arguments as an object; found 3"],
    [[{ args: 3 }], "must have args (a list)"],
    [[{ args: [], kwargs: 3 }], "must have args (a list) and kwargs (an object)"],
    [[{ args: [{ class_name: "__keras_tensor__", config: {} }] }], "must have a keras_history"],
    [[Array.from({ length: 10_001 }, () => ["a", 0, 0])], "a call has 10001 inputs, more than 10000"],
    [[[["a", 0, 0, { all: Array.from({ length: 10_000 }, () => ["b", 0, 0]) }]]], "a call has 10001 inputs"],
  ];
  test.each(WRONG)("refused: %j", (nodes, message) => {
    expect(() => readCalls(nodes, NAMES)).toThrow(message);
  });

  test("at most 10,000 inputs", () => {
    const [call] = readCalls([Array.from({ length: 10_000 }, () => ["a", 0, 0])], NAMES);
    expect(call?.inputs).toHaveLength(10_000);
  });
});

test("references to inputs and outputs: one, a list, a mapping", () => {
  expect(readRefs(["a", 0, 0], "x")).toEqual([a]);
  expect(
    readRefs(
      [
        ["a", 0, 0],
        ["b", 1, 2],
      ],
      "x",
    ),
  ).toEqual([a, b]);
  expect(readRefs({ first: ["a", 0, 0], rest: [["b", 1, 2]] }, "x")).toEqual([a, b]);
  expect(readRefs([], "x")).toEqual([]);
  expect(() => readRefs("a", "output_layers")).toThrow("output_layers must be a list of references to layers; got");
  expect(() => readRefs([["a", 0]], "output_layers")).toThrow("output_layers must refer to layers");
  expect(describeRef(b)).toBe('output 2 of call 1 of layer "b"');
});
