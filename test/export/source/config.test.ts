import { describe, expect, test } from "vitest";

import { ConfigReader, isCamelCase, snakeCase } from "../../../src/export/source/config.ts";

const reader = (value: unknown): ConfigReader => new ConfigReader({ key: value });
const none = new ConfigReader({});

type Read = (config: ConfigReader) => unknown;

/** How a key is read, values with what they are read as, and values that are refused. */
const READS: readonly (readonly [
  name: string,
  read: Read,
  accepted: readonly (readonly [unknown, unknown])[],
  refused: readonly unknown[],
])[] = [
  [
    "number",
    (c) => c.number("key"),
    [
      [1.5, 1.5],
      [-2, -2],
      [0, 0],
    ],
    ["1", NaN, Infinity, [1], true, {}],
  ],
  [
    "integer",
    (c) => c.integer("key"),
    [
      [-3, -3],
      [0, 0],
      [[4], 4],
    ],
    [1.5, "1", [1, 2], [], 2 ** 60],
  ],
  [
    "positive",
    (c) => c.positive("key"),
    [
      [1, 1],
      [[2], 2],
    ],
    [0, -1, 1.5, [1, 1], "1"],
  ],
  [
    "boolean",
    (c) => c.boolean("key"),
    [
      [true, true],
      [false, false],
    ],
    [0, 1, "true", []],
  ],
  [
    "string",
    (c) => c.string("key"),
    [
      ["", ""],
      ["a", "a"],
    ],
    [1, [], {}, true],
  ],
  [
    "one of",
    (c) => c.oneOf("key", ["channels_last", "same"]),
    [
      ["channels_last", "channels_last"],
      ["channelsLast", "channels_last"],
      ["same", "same"],
    ],
    ["Same", "ChannelsLast", "other", 1, [], ""],
  ],
  [
    "integers",
    (c) => c.integers("key", 2),
    [
      [3, [3, 3]],
      [
        [1, -2],
        [1, -2],
      ],
    ],
    [[1], [1, 2, 3], 1.5, "1", [1, "2"]],
  ],
  [
    "integers, however many",
    (c) => c.integers("key", null),
    [
      [3, [3]],
      [
        [1, 2, 3],
        [1, 2, 3],
      ],
      [[], []],
    ],
    ["1", [1.5]],
  ],
  [
    "positives",
    (c) => c.positives("key", 2),
    [
      [3, [3, 3]],
      [
        [1, 2],
        [1, 2],
      ],
    ],
    [0, [1, 0], [1], [2, -1]],
  ],
  [
    "numbers",
    (c) => c.numbers("key", 2),
    [
      [0.5, [0.5, 0.5]],
      [
        [1, -0.5],
        [1, -0.5],
      ],
    ],
    [[1], "1", [1, NaN]],
  ],
  [
    "pairs",
    (c) => c.pairs("key", 2),
    [
      [
        1,
        [
          [1, 1],
          [1, 1],
        ],
      ],
      [
        0,
        [
          [0, 0],
          [0, 0],
        ],
      ],
      [
        [1, 2],
        [
          [1, 1],
          [2, 2],
        ],
      ],
      [
        [
          [1, 2],
          [0, 3],
        ],
        [
          [1, 2],
          [0, 3],
        ],
      ],
    ],
    [
      -1,
      [1],
      [1, 2, 3],
      [[1, 2], 3],
      [[1, 2], [3]],
      [
        [1, -2],
        [3, 4],
      ],
      "1",
    ],
  ],
  [
    "pairs along one axis",
    (c) => c.pairs("key", 1),
    [
      [2, [[2, 2]]],
      [[1, 2], [[1, 2]]],
    ],
    [[1, 2, 3], [-1, 2], "x"],
  ],
  [
    "shape",
    (c) => c.shape("key"),
    [
      [
        [2, null, 0],
        [2, null, 0],
      ],
      [
        [-1, -5, 3],
        [null, null, 3],
      ],
      [[], []],
    ],
    [3, [1.5], ["2"]],
  ],
  ["data format", (c) => c.dataFormat("key"), [["channelsFirst", "channels_first"]], ["first", 1]],
];

describe.each(READS)("%s", (_, read, accepted, refused) => {
  test("is read", () => {
    for (const [given, expected] of accepted)
      expect(read(reader(given)), `from ${JSON.stringify(given)}`).toEqual(expected);
  });

  test("is refused with its key and what was found", () => {
    for (const given of refused)
      expect(() => read(reader(given)), `from ${JSON.stringify(given)}`).toThrow(/^key must be /);
  });
});

/** Keys that are read with something to fall back on. */
const FALLBACKS: readonly (readonly [read: Read, expected: unknown])[] = [
  [(c) => c.number("key", 0.5), 0.5],
  [(c) => c.integer("key", 0), 0],
  [(c) => c.positive("key", null), null],
  [(c) => c.boolean("key", false), false],
  [(c) => c.string("key", ""), ""],
  [(c) => c.oneOf("key", ["a", "b"], "b"), "b"],
  [(c) => c.oneOf("key", ["a", "b"], null), null],
  [(c) => c.integers("key", 2, [1, 2]), [1, 2]],
  [(c) => c.positives("key", 2, null), null],
  [(c) => c.numbers("key", 1, [0]), [0]],
  [(c) => c.pairs("key", 1, [[0, 1]]), [[0, 1]]],
  [(c) => c.shape("key", [null]), [null]],
  [(c) => c.dataFormat("key"), "channels_last"],
  [(c) => c.activation("key"), expect.objectContaining({ name: "linear", isLayer: false })],
];

test("a key that is absent or null gives the fallback, and without one is an error", () => {
  for (const [read, expected] of FALLBACKS)
    for (const config of [none, reader(null)]) expect(read(config)).toEqual(expected);
  for (const read of READS.slice(0, -1).map(([, each]) => each))
    for (const config of [none, reader(null)])
      expect(() => read(config)).toThrow(/^key must be .*; got (undefined|null|nothing)/);
});

test("keys of every object are none of the configuration's", () => {
  expect(none.has("constructor")).toBe(false);
  expect(none.raw("toString")).toBeUndefined();
  expect(none.isNull("key")).toBe(false);
  expect(reader(null).isNull("key")).toBe(true);
  expect(reader(0).isNull("key")).toBe(false);
  expect(reader(0).has("key")).toBe(true);
  expect(reader(null).has("key")).toBe(false);
  expect(reader(1).with({ other: 2 }).integer("other")).toBe(2);
  expect(() => new ConfigReader([])).toThrow("config must be an object");
});

describe("an activation", () => {
  const READ: readonly (readonly [written: unknown, name: string, isLayer: boolean])[] = [
    ["relu", "relu", false],
    ["hardSigmoid", "hard_sigmoid", false],
    ["silu", "swish", false],
    [{ class_name: "ReLU", config: { max_value: 6 } }, "relu", true],
    [{ class_name: "LeakyReLU" }, "leaky_relu", true],
    [{ class_name: "function", config: "silu" }, "swish", false],
    [{ class_name: "hardSigmoid", config: {} }, "hard_sigmoid", false],
  ];
  test.each(READ)("%j is %s", (written, name, isLayer) => {
    expect(reader(written).activation("key")).toMatchObject({ name, isLayer });
  });

  test("has its configuration", () => {
    const written = { class_name: "ReLU", config: { max_value: 6 } };
    expect(reader(written).activation("key").config.number("max_value")).toBe(6);
  });

  test.each([1, [], { name: "relu" }, { class_name: "ReLU", config: 3 }])("%j is refused", (written) => {
    expect(() => reader(written).activation("key")).toThrow("key must be an activation's name or object");
  });
});

test("a layer within a layer", () => {
  const inner = { class_name: "Dense", config: { name: "d", units: 2 } };
  expect(reader(inner).layer("key")).toMatchObject({ className: "Dense", name: "d" });
  expect(reader({ class_name: "Dense", config: {} }).layer("key").name).toBe("");
  expect(reader([inner, inner]).layers("key")).toHaveLength(2);
  for (const wrong of [null, 1, { class_name: "Dense" }, { config: {} }, { class_name: 1, config: {} }])
    expect(() => reader(wrong).layer("key")).toThrow("key must be a layer (class_name, config)");
  for (const wrong of [null, inner, [inner, 1]])
    expect(() => reader(wrong).layers("key")).toThrow("key must be a list of layers");
});

test("names in snake case", () => {
  expect(["hardSigmoid", "HardSigmoid", "ReLU", "LeakyReLU", "relu6", "logSoftmax"].map(snakeCase)).toEqual([
    "hard_sigmoid",
    "hard_sigmoid",
    "relu",
    "leaky_relu",
    "relu6",
    "log_softmax",
  ]);
  expect(["hardSigmoid", "relu6", "a"].every(isCamelCase)).toBe(true);
  expect(["HardSigmoid", "hard_sigmoid", "hardSIgmoid", ""].some(isCamelCase)).toBe(false);
});
