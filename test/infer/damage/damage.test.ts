import { spawnSync } from "node:child_process";
import { mkdirSync, rmSync } from "node:fs";
import { join, resolve } from "node:path";

import { afterAll, beforeAll, expect, test } from "vitest";

import { bundleDriver } from "../../helpers/bundle-driver.ts";
import type { Damage } from "../../helpers/damage.ts";

const root = resolve(import.meta.dirname, "../../..");
const folder = join(root, `runs/test-damage-${process.pid}`);
let driver = "";

beforeAll(async () => {
  mkdirSync(folder, { recursive: true });
  driver = await bundleDriver(join(import.meta.dirname, "driver.ts"), folder);
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

const TIMES = 60;

function isDamage(value: unknown): value is Damage {
  return typeof value === "object" && value !== null && "untyped" in value && "answer" in value;
}

// In a process of its own, since a fault of native code ends the process.
test.each(["node", "web"])(
  "a file with bytes changed at random runs on %s or is refused with a typed error, and the process goes on",
  (runtime) => {
    const model = join(root, "models/crnn-mnist/model.onnx");
    const { status, signal, stdout } = spawnSync(process.execPath, [driver, runtime, model, String(TIMES)], {
      encoding: "utf8",
      stdio: ["ignore", "pipe", "ignore"],
    });
    expect([status, signal]).toEqual([0, null]);
    const found: unknown = JSON.parse(stdout);
    if (!isDamage(found)) throw new TypeError(`not what the driver says: ${stdout}`);
    expect(found.untyped).toEqual([]);
    expect(found.ran + found.refused).toBe(TIMES);
    expect(found.ran).toBeGreaterThan(0);
    expect(found.refused).toBeGreaterThan(TIMES / 2);
    expect(found.answer).toBe(20);
  },
);
