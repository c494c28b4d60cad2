import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { hostname, tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

import { afterEach, beforeEach, describe, expect, test } from "vitest";

import { withLock } from "../../../src/train/native/lock.ts";

import { runProcess } from "./processes.ts";

describe("lock", () => {
  let folder: string;
  let path: string;

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "lock-"));
    path = join(folder, "lock");
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  test("one action at a time, even when it takes longer than a dead owner's silence", async () => {
    const log: string[] = [];
    const options = { beatMs: 20, staleMs: 300 };
    const action = (name: string) => async (): Promise<void> => {
      log.push(`${name} begins`);
      await sleep(600);
      log.push(`${name} ends`);
    };
    await Promise.all([withLock(path, options, action("a")), withLock(path, options, action("b"))]);
    expect(log.map((line) => line.slice(2))).toEqual(["begins", "ends", "begins", "ends"]);
    expect(log[0]?.[0]).toBe(log[1]?.[0]);
    expect(readdirSync(folder)).toEqual([]);
  });

  test("a failed action gives the lock back", async () => {
    const failed = withLock(path, {}, async () => Promise.reject(new Error("no")));
    await expect(failed).rejects.toThrow("no");
    expect(await withLock(path, {}, async () => Promise.resolve(7))).toBe(7);
  });

  test("a dead process of this host loses it at once", async () => {
    const { stdout } = await runProcess([process.execPath, "-p", "process.pid"]);
    writeFileSync(path, JSON.stringify({ pid: Number(stdout), host: hostname(), token: "t" }));
    const started = performance.now();
    await withLock(path, {}, async () => Promise.resolve());
    expect(performance.now() - started).toBeLessThan(2000);
  });

  test.each([
    ["of another host", JSON.stringify({ pid: 1, host: "elsewhere.invalid", token: "t" })],
    ["whose pid was given out again", JSON.stringify({ pid: process.pid, host: hostname(), token: "t" })],
    ["that died before it wrote its name", ""],
  ])("an owner %s loses it after its silence, not before", async (_, text) => {
    writeFileSync(path, text);
    const waits: string[] = [];
    const started = performance.now();
    await withLock(path, { staleMs: 400, onWait: () => waits.push("wait") }, async () => Promise.resolve());
    expect(performance.now() - started).toBeGreaterThan(400);
    expect(waits).toEqual(["wait"]);
  });

  test("waiting ends when it is interrupted", async () => {
    writeFileSync(path, JSON.stringify({ pid: process.pid, host: hostname(), token: "t" }));
    const signal = AbortSignal.timeout(200);
    await expect(withLock(path, { signal }, async () => Promise.resolve())).rejects.toThrow(/abort/i);
  });
});
