import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { hostname, tmpdir } from "node:os";
import { join } from "node:path";

import { afterAll, describe, expect, test } from "vitest";

import { aloneIn } from "../../src/cli/train-lock.ts";
import { TrainError } from "../../src/errors.ts";
import { runCommandBeside } from "../helpers/command.ts";

const folder = mkdtempSync(join(tmpdir(), "tfjs-to-onnx-alone-"));
const lock = join(folder, "train.lock");

afterAll(() => rmSync(folder, { recursive: true }));

/** @returns whether it ran */
async function tried(staleMs?: number): Promise<boolean> {
  let ran = false;
  const options = staleMs === undefined ? {} : { staleMs };
  await aloneIn(folder, () => Promise.resolve(void (ran = true)), options);
  return ran;
}

test("a second training in the folder is refused while the first one runs, and runs after it", async () => {
  await aloneIn(folder, async () => {
    const refused = tried();
    await expect(refused).rejects.toThrow(TrainError);
    await expect(refused).rejects.toThrow(`another training writes into ${folder}`);
  });
  expect(await tried()).toBe(true);
  expect(readdirSync(folder)).toEqual([]);
});

test(
  "the command refuses the folder of another training, and leaves its files alone",
  { timeout: 60_000 },
  async () => {
    const theirs = join(folder, "theirs");
    mkdirSync(theirs);
    writeFileSync(join(theirs, "checkpoint.bin"), "theirs");
    await aloneIn(theirs, async () => {
      const { status, stderr } = await runCommandBeside(["train", "--dataset", "digits", "--out", theirs]);
      expect(status).toBe(1);
      expect(stderr).toBe(
        `error: another training writes into ${theirs}\n` +
          `hint: wait for its end, or name another folder by --out; if there is none, delete ${join(theirs, "train.lock")}\n`,
      );
    });
    expect(readFileSync(join(theirs, "checkpoint.bin"), "utf8")).toBe("theirs");
    rmSync(theirs, { recursive: true });
  },
);

test("a training that fails says why, and leaves the folder free", async () => {
  const fault = new TypeError("no such image");
  await expect(aloneIn(folder, () => Promise.reject(fault))).rejects.toBe(fault);
  expect(await tried()).toBe(true);
});

test("the folder of a training that was killed is taken over", async () => {
  const { pid } = spawnSync(process.execPath, ["--version"]);
  writeFileSync(lock, JSON.stringify({ pid, host: hostname() }));
  expect(await tried()).toBe(true);
  expect(readdirSync(folder)).toEqual([]);
});

describe("a lock that no living training has is taken over", () => {
  const old = new Date(Date.now() - 3 * 24 * 3600 * 1000);
  const texts: readonly (readonly [string, string])[] = [
    ["of another host", JSON.stringify({ pid: 7, host: "another-host" })],
    ["that is empty", ""],
    [
      "of this process's own id, as in a container that was started again",
      JSON.stringify({ pid: process.pid, host: hostname() }),
    ],
    ["that is no JSON", "pid 7"],
  ];
  for (const [name, text] of texts) {
    test(`days old, ${name}, at once`, async () => {
      writeFileSync(lock, text);
      utimesSync(lock, old, old);
      const started = performance.now();
      expect(await tried()).toBe(true);
      expect(performance.now() - started).toBeLessThan(5000);
      expect(readdirSync(folder)).toEqual([]);
    });
  }

  test("written a moment ago by this process's own id, when nobody touches it", async () => {
    writeFileSync(lock, JSON.stringify({ pid: process.pid, host: hostname() }));
    expect(await tried(1500)).toBe(true);
    expect(readdirSync(folder)).toEqual([]);
  });
});
