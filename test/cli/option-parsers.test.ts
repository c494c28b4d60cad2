import { expect, test } from "vitest";

import { parseShape } from "../../src/cli/option-parsers.ts";

test.each([
  ["image=1,28,28,1", { image: [1, 28, 28, 1] }],
  ["ratio=", { ratio: [] }],
  ["a=b=3", { "a=b": [3] }],
])("--input-shape %s", (text, shapes) => {
  expect(parseShape(text, { other: [2] })).toEqual({ other: [2], ...shapes });
});

test.each(["image", "=1,2", "image=1,,2", "image=0", "image=1.5", "image=x"])("--input-shape %s is refused", (text) => {
  expect(() => parseShape(text)).toThrow("--input-shape takes NAME=1,64,64,3, or NAME= for a scalar");
});
