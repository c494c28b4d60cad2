import { spawnSync } from "node:child_process";
import { mkdirSync, rmSync } from "node:fs";
import { join, resolve } from "node:path";

import { afterAll, beforeAll, describe, expect, test } from "vitest";

import { nativeStatus } from "../../../src/train/native/index.ts";
import { bundleDriver } from "../../helpers/bundle-driver.ts";

const folder = resolve(import.meta.dirname, `../../../runs/test-leak-${process.pid}`);
let driver = "";

beforeAll(async () => {
  mkdirSync(folder, { recursive: true });
  driver = await bundleDriver(join(import.meta.dirname, "driver.ts"), folder);
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

interface Memory {
  readonly mode: string;
  readonly looks: readonly { readonly step: number; readonly tensors: number; readonly resident: number }[];
  readonly after: number;
}

function isMemory(value: unknown): value is Memory {
  return typeof value === "object" && value !== null && "looks" in value && "after" in value;
}

function train(mode: string): Memory {
  const { stdout, stderr } = spawnSync(process.execPath, ["--expose-gc", driver, mode], { encoding: "utf8" });
  const memory: unknown = JSON.parse(stdout === "" ? "null" : stdout);
  if (!isMemory(memory)) throw new Error(`the driver failed: ${stderr}`);
  return memory;
}

/** A batch is 400 kB; TensorFlow's allocator gives back and takes again some 10 MB in between. */
const LEAST_LEAK = 8 * 2 ** 20;
const VARIABLES = 11;

describe.skipIf(nativeStatus().state !== "ready")("over 600 steps", () => {
  test.each(["graph", "eager"])(
    "%s mode holds as many tensors and as much memory as before",
    (mode) => {
      const { mode: found, looks, after } = train(mode);
      expect(found).toBe(mode);
      const settled = looks.filter(({ step }) => step > 100);
      expect(settled.at(-1)?.step).toBe(600);
      expect(new Set(settled.map(({ tensors }) => tensors)).size).toBe(1);
      const most = (part: Memory["looks"]): number => Math.max(...part.map(({ resident }) => resident));
      const half = settled.length / 2;
      expect(most(settled.slice(half)) - most(settled.slice(0, half))).toBeLessThan(LEAST_LEAK);
      expect(after).toBe(VARIABLES);
    },
    240_000,
  );
});
