import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterAll, describe, expect, test } from "vitest";

import { nativeStatus } from "../../src/train/native/index.ts";
import { bin, runCommand, type Outcome } from "../helpers/command.ts";
import { readByTensorBoard, tensorboard } from "../helpers/tensorboard.ts";

const folder = mkdtempSync(join(tmpdir(), "tfjs-to-onnx-train-"));

afterAll(() => rmSync(folder, { recursive: true }));

function cli(...args: readonly string[]): Outcome {
  return runCommand(args, { cwd: folder, env: { ...process.env, TF_CPP_MIN_LOG_LEVEL: undefined } });
}

const native = nativeStatus().state === "ready";
if (!native) process.stderr.write("skipped: native TensorFlow is not at hand, so nothing is trained\n");

describe.skipIf(!native)("the three commands, one after the other with nothing more", () => {
  test("train writes a model and prints its score, and nothing else is said", () => {
    const settings = ["--limit", "128", "--batch-size", "8", "--validation", "24", "--epochs", "2", "--json"];
    const { status, stdout, stderr } = cli("train", "--dataset", "digits", ...settings);
    expect(stderr).not.toMatch(/WARNING|tensorflow\/|\.cc:/);
    expect(status).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ network: "crnn", dataset: "digits", epochs: 2 });
    expect(readdirSync(join(folder, "runs", "crnn"))).toEqual(expect.arrayContaining(["model.json", "weights.bin"]));
  }, 180_000);

  test.skipIf(typeof tensorboard === "string")("TensorBoard shows its losses, accuracies, rates and mistakes", () => {
    const curve = (...steps: number[]): unknown => steps.map((step): unknown[] => [step, expect.any(Number)]);
    const logs = join(folder, "runs", "crnn", "logs");
    const ends = curve(13, 26);
    expect(readByTensorBoard(join(logs, "train"))).toEqual({
      scalars: { loss: ends, accuracy: ends, batch_loss: curve(1, 11, 21), learning_rate: curve(1, 11, 21) },
      images: {},
    });
    expect(readByTensorBoard(join(logs, "validation"))).toEqual({
      scalars: { loss: ends, accuracy: ends },
      images: { mistakes: [[26, 8 * 28, 4 * 28, expect.any(String)]] },
    });
  });

  test("export and infer take what was trained, by its path, and nothing else is left in the folder", () => {
    const exported = cli("export", "runs/crnn", "--json");
    expect(exported.status).toBe(0);
    expect(JSON.parse(exported.stdout)).toMatchObject({ kind: "layers", verified: { passed: true } });
    const model = ["--model", "runs/crnn", "--runtime", "web"];
    const { status, stdout } = cli("infer", ...model, "--dataset", "digits", "--limit", "40", "--json");
    expect(status).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ dataset: "digits", images: 40, runtime: "web", provider: "wasm" });
    expect(readdirSync(join(folder, "runs"))).toEqual(["crnn"]);
  });

  test("a run goes on where it stopped only as what it was", () => {
    const resumed = [
      "train",
      "--resume",
      "--dataset",
      "digits",
      "--limit",
      "128",
      "--validation",
      "24",
      "--epochs",
      "2",
    ];
    const { status, stderr } = cli(...resumed, "--batch-size", "64");
    expect(status).toBe(1);
    expect(stderr).toMatch(/^error: .*batch/im);
  });

  test("a training that can be resumed is overwritten only when that is asked for", () => {
    const again = ["train", "--dataset", "digits", "--limit", "16", "--batch-size", "8", "--epochs", "1"];
    const refused = cli(...again);
    expect(refused.status).toBe(1);
    expect(refused.stderr).toMatch(
      /^error: runs\/crnn holds a training of crnn that can be resumed \(2 of 2 epochs done\)\nhint: .*--resume.*--overwrite/m,
    );
    expect(cli(...again, "--resume", "--overwrite").status).toBe(2);
    const overwritten = cli(...again, "--overwrite", "--json");
    expect(overwritten.status).toBe(0);
    expect(JSON.parse(overwritten.stdout)).toMatchObject({ epochs: 1 });
  }, 120_000);

  test("an output folder that cannot be written is said before anything is trained", () => {
    for (const option of ["--out", "--log-dir"]) {
      const { status, stderr } = cli("train", "--dataset", "digits", "--limit", "128", "--out", "other", option, bin);
      expect(status).toBe(1);
      expect(stderr).toMatch(/^error: cannot write .*: a part of the path is a file, not a folder\nhint: /);
    }
    expect(readFileSync(bin, "utf8")).toContain("main");
  });
});
