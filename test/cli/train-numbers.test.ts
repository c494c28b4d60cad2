import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterAll, describe, expect, test } from "vitest";

import { nativeStatus } from "../../src/train/native/index.ts";

import { cliIn, writeDigits } from "./small-runs.ts";

const native = nativeStatus().state === "ready";
if (!native) process.stderr.write("skipped: native TensorFlow is not at hand, so nothing is compared with it\n");

const folder = mkdtempSync(join(tmpdir(), "tfjs-to-onnx-numbers-"));
const digits = writeDigits(join(folder, "digits"), 60);
const few = writeDigits(join(folder, "few"), 24);

afterAll(() => rmSync(folder, { recursive: true }));

/** Losses of a run, two for each epoch, and the accuracy of its best. */
interface Run {
  readonly losses: readonly number[];
  readonly accuracy: number;
  readonly weights: Buffer;
}

function number(record: unknown, key: string): number {
  const value: unknown = typeof record === "object" && record !== null ? Reflect.get(record, key) : undefined;
  return typeof value === "number" ? value : Number.NaN;
}

function train(out: string, args: readonly string[]): Run {
  const { status, stderr } = cliIn(folder, [...args, "--out", out]);
  if (status !== 0) throw new Error(stderr);
  const history: unknown = JSON.parse(readFileSync(join(folder, out, "history.json"), "utf8"));
  const records: readonly unknown[] = Array.isArray(history) ? history : [];
  return {
    losses: records.flatMap((record) => [number(record, "loss"), number(record, "testLoss")]),
    accuracy: Math.max(...records.map((record) => number(record, "testAccuracy"))),
    weights: readFileSync(join(folder, out, "weights.bin")),
  };
}

describe.skipIf(!native)("the trainer", () => {
  test("ends on WebAssembly with the losses of native TensorFlow", { timeout: 400_000 }, () => {
    const args = [...few, "--batch-size", "4", "--epochs", "2"];
    const [fast, slow] = ["tensorflow", "wasm"].map((backend) => train(backend, [...args, "--backend", backend]));
    expect(fast?.losses).toHaveLength(4);
    // Something was learnt, and it was not the same sum on one backend.
    expect(fast?.losses[2]).toBeLessThan((fast?.losses[0] ?? 0) - 0.01);
    expect(slow?.weights.equals(fast?.weights ?? Buffer.of())).toBe(false);
    for (const [place, loss] of (fast?.losses ?? []).entries()) {
      expect(Math.abs((slow?.losses[place] ?? Number.NaN) - loss)).toBeLessThan(1e-4);
    }
  });

  test("learns sixty digits by heart", { timeout: 400_000 }, () => {
    expect(train("heart", [...digits, "--batch-size", "6", "--epochs", "50"]).accuracy).toBe(1);
  });

  test(
    "ends with the same weights on any number of threads, and with others under another seed",
    { timeout: 400_000 },
    () => {
      const args = [...digits, "--batch-size", "16", "--epochs", "2", "--augment", "light"];
      const first = train("first", [...args, "--workers", "1"]);
      for (const workers of ["0", "2"]) {
        expect(train(`workers${workers}`, [...args, "--workers", workers]).weights.equals(first.weights)).toBe(true);
      }
      expect(train("seed", [...args, "--workers", "1", "--seed", "2"]).weights.equals(first.weights)).toBe(false);
      expect(train("plain", [...args, "--augment", "none"]).weights.equals(first.weights)).toBe(false);
    },
  );
});
