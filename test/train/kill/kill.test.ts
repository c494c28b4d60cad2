import { spawn } from "node:child_process";
import { mkdirSync, readFileSync, rmSync } from "node:fs";
import { join, resolve } from "node:path";

import { afterAll, beforeAll, describe, expect, test } from "vitest";

import { Random } from "../../../src/data/random.ts";
import { nativeStatus } from "../../../src/train/native/index.ts";
import { bundleDriver } from "../../helpers/bundle-driver.ts";

const folder = resolve(import.meta.dirname, `../../../runs/test-kill-${process.pid}`);
let driver = "";
const kills = Number(process.env["KILLS"] ?? 3);

beforeAll(async () => {
  mkdirSync(folder, { recursive: true });
  driver = await bundleDriver(join(import.meta.dirname, "driver.ts"), folder);
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

interface Ended {
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

interface Moment {
  /** Steps done. */
  readonly steps: number;
  /** Since the last of them. */
  readonly milliseconds: number;
}

/** Trains in a process of its own, which is killed at that moment. */
async function train(into: string, kill?: Moment): Promise<Ended> {
  return new Promise((done, fail) => {
    const child = spawn(process.execPath, [driver, into], { stdio: ["ignore", "pipe", "pipe"] });
    let [stdout, stderr] = ["", ""];
    child.stdout.setEncoding("utf8").on("data", (text: string) => {
      stdout += text;
      if (kill === undefined || stdout.split("step").length <= kill.steps) return;
      setTimeout(() => child.kill("SIGKILL"), kill.milliseconds);
    });
    child.stderr.setEncoding("utf8").on("data", (text: string) => (stderr += text));
    child.on("error", fail);
    child.on("close", (_, signal) => done({ signal, stdout, stderr }));
  });
}

function resultIn(into: string): unknown {
  return JSON.parse(readFileSync(join(into, "result.json"), "utf8"));
}

describe.skipIf(nativeStatus().state !== "ready")("kill -9", () => {
  test(`at ${kills} random moments changes nothing of what is learnt`, { timeout: 240_000 }, async () => {
    const [whole, broken] = [join(folder, "whole"), join(folder, "broken")];
    for (const into of [whole, broken]) mkdirSync(into);
    const unbroken = await train(whole);
    expect([unbroken.signal, unbroken.stderr]).toEqual([null, expect.not.stringContaining("Error")]);

    const random = new Random(Number(process.env["SEED"] ?? 1), 0);
    for (let killed = 0; killed < kills; killed++) {
      const moment = { steps: 1 + random.integer(6), milliseconds: random.between(0, 60) };
      const { signal, stderr } = await train(broken, moment);
      expect([signal, stderr]).toEqual(["SIGKILL", expect.not.stringContaining("Error")]);
    }
    const last = await train(broken);
    expect(last.stderr).not.toContain("Error");
    // It did go on, and not begin anew each time.
    expect(Number(/^from (\d+)/.exec(last.stdout)?.[1])).toBeGreaterThanOrEqual(kills);
    expect(resultIn(broken)).toEqual(resultIn(whole));
  });
});
