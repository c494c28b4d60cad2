import { readdirSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";

import { expect, test } from "vitest";

import { isRecognizer } from "../src/metadata.ts";

const root = resolve(import.meta.dirname, "..");

/** Messages that are put together from parts, as they stand in the sources. */
const COMPOSED: Readonly<Record<string, readonly string[]>> = {
  "N layers cannot be converted: …": [" cannot be converted:"],
  "… is a Keras file, not a TF.js model.json": ["a Keras file", ", not a TF.js model.json"],
  "… is a TensorFlow SavedModel": ["a TensorFlow SavedModel"],
  "not verified: the packages … are not installed": ["not verified: ", "the packages ", " are not installed"],
  "the package onnxruntime-node is not installed": ["the package ", " is not installed"],
  "native TensorFlow needs pip (or uv) … and a C++ compiler": [
    "native TensorFlow needs ",
    "pip (or uv)",
    "a C++ compiler",
  ],
  "the loss became NaN": ["the loss became "],
  "width must be at least 4": [" must be at least "],
};

test("the messages that docs/troubleshooting.md explains are those of the program", () => {
  const text = readFileSync(join(root, "docs", "troubleshooting.md"), "utf8");
  // Messages about installing are npm's, Node's and the bundlers'.
  const [ours = ""] = text.split("## Installing");
  const messages = [...ours.matchAll(/\*\*`([^`]+)`/gu), ...ours.matchAll(/\*\*, \*\*`([^`]+)`/gu)].flatMap(
    ([, message]) => message ?? [],
  );
  expect(messages.length).toBeGreaterThan(15);
  const files = readdirSync(join(root, "src"), { recursive: true, encoding: "utf8" }).filter((file) =>
    file.endsWith(".ts"),
  );
  const sources = files
    .map((file) => readFileSync(join(root, "src", file), "utf8"))
    .join("\n")
    .replaceAll(/["`] \+\n\s*["`]/gu, "");
  const parts = messages.flatMap((message) => COMPOSED[message] ?? message.split("…"));
  const unknown = parts.map((part) => part.trim()).filter((part) => !sources.includes(part));
  expect(unknown).toEqual([]);
  expect(Object.keys(COMPOSED).filter((message) => !messages.includes(message))).toEqual([]);
});

test("the metadata for pictures that docs/guide.md shows is what infer reads", () => {
  const guide = readFileSync(join(root, "docs", "guide.md"), "utf8");
  const example: unknown = JSON.parse(/^```json\n(.*?)^```$/msu.exec(guide)?.[1] ?? "null");
  expect(example).toMatchObject({ userDefinedMetadata: { recognizer: { version: 1 } } });
  const metadata: unknown = Reflect.get(Object(example), "userDefinedMetadata");
  expect(isRecognizer(Reflect.get(Object(metadata), "recognizer"))).toBe(true);
});
