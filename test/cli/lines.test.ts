import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";

import { afterAll, beforeAll, describe, expect, test } from "vitest";

import { encodeGreyPng } from "../../src/node/png.ts";
import { runCommand, type Outcome } from "../helpers/command.ts";
import { digitLines } from "../helpers/digit-lines.ts";
import { hasNative } from "../helpers/has-native.ts";

const root = resolve(import.meta.dirname, "../..");
const isNative = await hasNative();
const folder = mkdtempSync(join(tmpdir(), "tfjs-to-onnx-cli-lines-"));
const samples = digitLines(10, [1, 2]);
/** A network that is trained in seconds. */
const SETTINGS = {
  network: "line",
  dataset: "lines",
  data: "pictures",
  validation: 2,
  epochs: 2,
  batchSize: 4,
  line: { height: 16, body: "conv5:6/2x2 pool2x2 conv:8 pool2x1", features: 8, units: [6], dropout: 0 },
};

beforeAll(() => {
  mkdirSync(join(folder, "pictures"));
  const labels = samples.map(({ name, text, pixels, width, height }) => {
    writeFileSync(join(folder, "pictures", `${name}.png`), encodeGreyPng(pixels, height, width));
    return `${name}.png\t${text}\n`;
  });
  writeFileSync(join(folder, "pictures", "labels.tsv"), ["gone.png\t1\n", ...labels].join(""));
  writeFileSync(join(folder, "settings.json"), JSON.stringify(SETTINGS));
});

afterAll(() => rmSync(folder, { recursive: true }));

function run(...args: readonly string[]): Outcome {
  return runCommand(args, { cwd: folder, timeout: 170_000 });
}

describe.skipIf(!isNative)("a folder of lines", () => {
  test("is trained on, exported, read and scored, with no code", { timeout: 300_000 }, () => {
    const trained = run("train", "--config", "settings.json", "--out", "mine");
    expect(trained.stderr).toContain(
      "left out 1 of 11 samples of pictures:\n  labels.tsv:1: there is no picture gone.png",
    );
    expect(trained.stderr).toContain("training on 8 lines of pictures, 2 to validate, 0 held out");
    expect(trained).toMatchObject({ status: 0 });
    expect(trained.stdout).toContain("Test accuracy: ");
    expect(readFileSync(join(folder, "mine", "answers.tsv"), "utf8").split("\n")).toHaveLength(4);

    const exported = run("export", "mine");
    expect(exported.stdout).toContain("the same numbers as tfjs wasm");
    expect(exported.status).toBe(0);

    writeFileSync(join(folder, "blank.png"), encodeGreyPng(new Uint8Array(900).fill(255), 15, 60));
    const read = run("infer", "--model", "mine", "--json", "pictures/line-0.png", "blank.png");
    const [first, second] = read.stdout
      .trim()
      .split("\n")
      .map((line): unknown => JSON.parse(line));
    expect(first).toMatchObject({ input: "pictures/line-0.png", runtime: "node" });
    expect(first).toHaveProperty("text");
    expect(first).toHaveProperty("characters");
    expect(second).toMatchObject({ input: "blank.png", error: "there is no line in the picture: it is blank" });
    expect(read.status).toBe(3);

    const scored = run("infer", "--model", "mine", "--dataset", "lines", "--data", "pictures", "--json");
    expect(JSON.parse(scored.stdout)).toMatchObject({ dataset: "lines", lines: 10 });
    expect(scored.status).toBe(0);

    writeFileSync(join(folder, "words.txt"), "7\r\n77\r\n");
    const within = (...options: readonly string[]): Outcome =>
      run("infer", "--model", "mine", ...options, "pictures/line-1.png");
    expect(within("--pattern", "\\d{2}").stdout).toMatch(/line-1\.png: \d\d \(/);
    expect(within("--lexicon", "words.txt").stdout).toMatch(/line-1\.png: 77? \(/);
    expect(within("--beam", "8").status).toBe(0);
    expect(within("--pattern", "\\d", "--lexicon", "words.txt").stderr).toContain(
      "give --pattern or --lexicon, not both",
    );
    expect(run("infer", "--model", "mine").stderr).toContain("the model reads lines of text, and no image is named");
  });
});

test.each(["node", "web", "tfjs"])(
  "line-print reads the picture of README.md on %s",
  { timeout: 120_000 },
  (runtime) => {
    const [, line = ""] =
      /^docs\/line\.png: (.*) \([\d.]+ %\)$/m.exec(readFileSync(join(root, "README.md"), "utf8")) ?? [];
    expect(line).not.toBe("");
    const read = run("infer", "--model", "line-print", "--runtime", runtime, "--json", join(root, "docs/line.png"));
    expect(JSON.parse(read.stdout)).toMatchObject({ text: line, runtime });
    expect(read.status).toBe(0);
  },
);

test("decoding is for models that read lines", () => {
  const refused = run("infer", "--model", "crnn-mnist", "--pattern", "\\d", "pictures/line-0.png");
  expect(refused.stderr).toContain("--beam, --pattern and --lexicon are for models that read lines");
  expect(refused.status).toBe(2);
});

test.each([
  [["train", "--network", "line"], "--network line takes --dataset lines and --data DIR"],
  [["train", "--network", "line", "--dataset", "lines", "--data", "none"], "there is no folder none"],
  [["train", "--dataset", "lines", "--data", "pictures"], "--network crnn takes --dataset auto, mnist or digits"],
  [["train", "--network", "line", "--dataset", "lines", "--data", "pictures"], "there are no lines to score"],
  [
    ["train", "--network", "line", "--dataset", "lines", "--data", "pictures", "--validation", "10"],
    "10 of 10 lines are to be kept apart",
  ],
] as const)("%j is refused", (args, reason) => {
  const refused = run(...args, "--out", "refused");
  expect(refused.stderr).toContain(reason);
  expect(refused.status).toBeGreaterThan(0);
});
