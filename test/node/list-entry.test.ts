import { expect, test } from "vitest";

import { listedLine, memberText } from "../../src/node/list-entry.ts";

const png = Buffer.concat([Buffer.from("89504e470d0a1a0a", "hex"), Buffer.alloc(90, 7)]);
const line = (value: unknown): ReturnType<typeof listedLine> => listedLine({ text: JSON.stringify(value) });

test("a line is a path, or a JSON object whose id keeps its text", () => {
  expect(listedLine({ text: " a {b}.png" })).toEqual({ input: " a {b}.png" });
  expect(line({ input: "a.png" })).toEqual({ input: "a.png" });
  const id = '{ "n": 9007199254740993, "s": "}\\\\\\",:" }';
  expect(listedLine({ text: `{"id": ${id} , "input":"a.png"}` })).toEqual({ id, input: "a.png" });
  expect(listedLine({ text: '{"input":"a.png","id":1.50}' })).toEqual({ id: "1.50", input: "a.png" });
});

test("a picture comes in its line as base64, plain or in a data URL", () => {
  const base64 = png.toString("base64");
  for (const input of [base64, base64.replace(/=+$/, ""), `data:image/png;base64,${base64}`]) {
    expect(line({ id: 1, input })).toEqual({ id: "1", input: "base64", bytes: png });
  }
  // A path may begin as the base64 of a JPEG does.
  expect(line({ input: `/9j/${"folder/".repeat(8)}a.png` })).not.toHaveProperty("bytes");
});

test.each([
  ["{", /^not a JSON line: .*; a path that begins with \{ is given as \.\/\{$/],
  ['{"id":1', /^not a JSON line/],
  ['{"id":7}', /^a line's "input" is a path or base64: it has none$/],
  ['{"id":7,"input":[1,2]}', /^a line's "input" is a path or base64: found \[1,2\]$/],
  ['{"id":7,"__proto__":{"input":"a.png"}}', /it has none$/],
  ['{"id":7,"input":"data:image/png;base64,!!"}', /^the data URL holds no base64$/],
  ['{"id":7,"input":"data:image/png,abc"}', /^the data URL holds no base64$/],
  [
    JSON.stringify({ id: 7, input: "x".repeat(5000) }),
    /^the input is neither a path nor the base64 of a picture file$/,
  ],
])("%.40s is answered with an error", (text, error) => {
  const listed = listedLine({ text });
  expect(listed).toMatchObject({ error: expect.stringMatching(error) as unknown });
  expect(listed.id).toBe(text.startsWith('{"id":7') ? "7" : undefined);
});

test("the text of a member is the last one's of its name, at the top level alone", () => {
  expect(memberText('{"a":{"id":1},"b":["id",{"id":2}],"c":"\\"id\\":3"}', "id")).toBeNull();
  expect(memberText('{"id":1,"\\u0069d": [ 2, 3 ] }', "id")).toBe("[ 2, 3 ]");
  expect(memberText("{}", "id")).toBeNull();
});
