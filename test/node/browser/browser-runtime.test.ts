import { spawnSync } from "node:child_process";
import { chmodSync, existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterAll, afterEach, describe, expect, test, vi } from "vitest";

import { InferenceError, SetupError } from "../../../src/errors.ts";
import { browserRuntime } from "../../../src/node/browser/browser-runtime.ts";
import { findBrowser } from "../../../src/node/browser/find-browser.ts";
import { float32 } from "../../../src/tensor.ts";
import { expectSessionContract } from "../../helpers/session-contract.ts";
import { identity, smallDense } from "../../helpers/tiny-onnx.ts";

const folder = mkdtempSync(join(tmpdir(), "tfjs-to-onnx-fake-"));
afterAll(() => rmSync(folder, { recursive: true }));
afterEach(() => {
  vi.unstubAllEnvs();
});

/** Browsers that this very process started, by process id. */
function browsers(): number[] {
  const { stdout } = spawnSync("ps", ["--ppid", String(process.pid), "-o", "pid=,args="], { encoding: "utf8" });
  const lines = stdout.split("\n").filter((line) => line.includes("--remote-debugging-pipe"));
  return lines.map((line) => Number.parseInt(line, 10));
}

function profiles(): string[] {
  return readdirSync(tmpdir()).filter((name) => name.startsWith("tfjs-to-onnx-browser-"));
}

const x = float32(Float32Array.of(1, 2), [2]);

if (findBrowser() === undefined) process.stderr.write("skipped: no Chromium here for `infer --browser`\n");

describe.skipIf(findBrowser() === undefined)("session in a browser that this process drives", () => {
  expectSessionContract((model, options) => browserRuntime.load(model, options));
});

describe.skipIf(findBrowser() === undefined)("a browser that this process drives", () => {
  test("says where it ran, and leaves neither a process nor a profile", async () => {
    const before = profiles();
    const notes: string[] = [];
    const session = await browserRuntime.load(identity("float32"), { onNote: (note) => notes.push(note) });
    expect([session.runtime, session.provider]).toEqual(["web", "wasm"]);
    await session.dispose();
    expect(notes.every((note) => /^in \S*Chrome\/\d+/u.test(note))).toBe(true);
    expect(profiles().filter((name) => !before.includes(name))).toEqual([]);
  });

  test("two threads, since its page is isolated; and a fault leaves no browser behind", async () => {
    const session = await browserRuntime.load(smallDense(), { threads: 2 });
    await expect(browserRuntime.load(smallDense(), { threads: 3 })).rejects.toThrow("cannot change to 3");
    await session.dispose();
    expect(browsers()).toEqual([]);
    await expect(browserRuntime.load(new Uint8Array(9))).rejects.toThrow(InferenceError);
    expect(browsers()).toEqual([]);
  });

  test("a browser that dies is one typed error, and the next load starts another", async () => {
    const session = await browserRuntime.load(identity("float32"));
    await expect.poll(browsers, { timeout: 10_000 }).not.toEqual([]);
    for (const pid of browsers()) process.kill(pid, "SIGKILL");
    await expect.poll(browsers, { timeout: 10_000 }).toEqual([]);
    await expect(session.run({ x })).rejects.toThrow(/the browser's page is gone|the browser .* ended: SIGKILL/u);
    await expect(session.dispose()).rejects.toThrow(/gone|ended/u);
    const again = await browserRuntime.load(identity("float32"));
    expect(await again.run({ x })).toEqual({ y: x });
    await again.dispose();
  });
});

test("a program that is no browser is said to have ended", async () => {
  const fake = join(folder, "chromium");
  writeFileSync(fake, "#!/bin/sh\necho cannot open display >&2\nexit 3\n");
  chmodSync(fake, 0o755);
  vi.stubEnv("CHROME_PATH", fake);
  const loading = browserRuntime.load(identity("float32"));
  await expect(loading).rejects.toThrow(SetupError);
  await expect(loading).rejects.toThrow(`the browser ${fake} ended: exit code 3; cannot open display`);
  expect(existsSync(fake)).toBe(true);
});
