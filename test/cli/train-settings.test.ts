import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterAll, expect, test } from "vitest";

import { formatDuration } from "../../src/cli/format.ts";
import { DEFAULTS, settingsOf } from "../../src/cli/train-settings.ts";
import { UsageError } from "../../src/errors.ts";

const folder = mkdtempSync(join(tmpdir(), "tfjs-to-onnx-settings-"));
const file = join(folder, "recipe.json");

afterAll(() => rmSync(folder, { recursive: true }));

async function refusal(text: string): Promise<{ message: string; hint: string | undefined }> {
  writeFileSync(file, text);
  const error: unknown = await settingsOf({}, file).catch((cause: unknown) => cause);
  if (!(error instanceof UsageError)) throw new TypeError(`not refused: ${text}`);
  return { message: error.message, hint: error.hint };
}

test("all that is wrong with a configuration file is named at once", async () => {
  const { message, hint } = await refusal(`{
    "epochs": -1, "batchSize": 2.5, "lerningRate": 3, "seed": "x", "labelSmoothing": 1, "averageDecay": 1.5,
    "keepBest": 1, "learningRate": 1e999, "clipNorm": 0, "schedule": "sine", "cooldownStrength": 2, "patience": null,
    "augment": { "turn": "x" }, "add": "digits:5", "__proto__": 3, "workers": 1, "network": "crnn"
  }`);
  expect(message.split("\n")).toEqual([
    `--config ${file}: 15 faults`,
    '  unknown setting "lerningRate"',
    '  unknown setting "__proto__"',
    "  epochs must be a whole number of at least 1; got -1",
    "  batchSize must be a whole number of at least 1; got 2.5",
    '  seed must be a whole number of at least 0; got "x"',
    "  labelSmoothing must be a number from 0 to below 1; got 1",
    "  averageDecay must be a number from 0 to below 1; got 1.5",
    "  keepBest must be true or false; got 1",
    "  learningRate must be a number above 0; got Infinity",
    "  clipNorm must be a number above 0; got 0",
    '  schedule must be phases, e.g. warmup:1,cosine; got "sine"',
    "  cooldownStrength must be a number from 0 to 1; got 2",
    "  patience must be a whole number of at least 1; got null",
    '  augment must be a name or an object of numbers; got {"turn":"x"}',
    '  add must be a list of sources; got "digits:5"',
  ]);
  expect(hint).toContain("settings are network, init, teacher,");
});

test.each([
  ['{"epochs": 0}', "epochs must be a whole number of at least 1; got 0"],
  ["[1]", "must hold a JSON object"],
  ["null", "must hold a JSON object"],
  ['{"learningRate": NaN}', "is not valid JSON"],
])("the configuration file %s is refused", async (text, said) => {
  expect((await refusal(text)).message).toContain(said);
});

test("a configuration file that is not there is refused", async () => {
  await expect(settingsOf({}, join(folder, "none"))).rejects.toThrow("cannot be read: there is no such file");
});

test("options win over the file, the file over the defaults", async () => {
  writeFileSync(file, '{"epochs": 3, "seed": 4}');
  expect(await settingsOf({ seed: 5 }, file)).toEqual({ ...DEFAULTS, epochs: 3, seed: 5 });
});

test.each([
  [400, "0 s"],
  [59_400, "59 s"],
  [59_600, "1 min"],
  [3_590_000, "1 h 0 min"],
  [7_500_000, "2 h 5 min"],
])("%d ms are %s", (milliseconds, words) => {
  expect(formatDuration(milliseconds)).toBe(words);
});
