import { spawnSync } from "node:child_process";
import { chmodSync, existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";

import { afterAll, afterEach, describe, expect, test, vi } from "vitest";

import { InferenceError, SetupError } from "../../../src/errors.ts";
import { browserRuntime } from "../../../src/node/browser/browser-runtime.ts";
import { findBrowser } from "../../../src/node/browser/find-browser.ts";
import { float32 } from "../../../src/tensor.ts";
import { runNode } from "../../helpers/command.ts";
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

/** A temporary folder of its own for what this process and its browsers leave. */
function ownTmp(): string {
  const own = mkdtempSync(join(folder, "tmp-"));
  vi.stubEnv("TMPDIR", own);
  return own;
}

const x = float32(Float32Array.of(1, 2), [2]);

if (findBrowser() === undefined) process.stderr.write("skipped: no Chromium here for `infer --browser`\n");

describe.skipIf(findBrowser() === undefined)("session in a browser that this process drives", () => {
  expectSessionContract((model, options) => browserRuntime.load(model, options));
});

describe.skipIf(findBrowser() === undefined)("a browser that this process drives", () => {
  test("says where it ran, and leaves nothing in the temporary folder", async () => {
    const tmp = ownTmp();
    const notes: string[] = [];
    const session = await browserRuntime.load(identity("float32"), { onNote: (note) => notes.push(note) });
    expect([session.runtime, session.provider]).toEqual(["web", "wasm"]);
    await session.dispose();
    expect(notes.every((note) => /^in \S*Chrome\/\d+/u.test(note))).toBe(true);
    expect(readdirSync(tmp)).toEqual([]);
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
    const tmp = ownTmp();
    const session = await browserRuntime.load(identity("float32"));
    await expect.poll(browsers, { timeout: 10_000 }).not.toEqual([]);
    for (const pid of browsers()) process.kill(pid, "SIGKILL");
    await expect.poll(browsers, { timeout: 10_000 }).toEqual([]);
    // The page's own process lives a little longer than the browser, and may still answer.
    const failure = async (): Promise<string> => session.run({ x }).then(() => "it answered", String);
    await expect.poll(failure, { timeout: 10_000 }).toMatch(/the browser .* ended: SIGKILL/u);
    // The run said it; there is nothing left to dispose of.
    await session.dispose();
    expect(readdirSync(tmp)).toEqual([]);
    const again = await browserRuntime.load(identity("float32"));
    expect(await again.run({ x })).toEqual({ y: x });
    await again.dispose();
  });
});

describe.skipIf(findBrowser() === undefined)("a process that drives browsers and is told to end", () => {
  const launch = resolve(import.meta.dirname, "../../../dist/node/browser/launch.js");

  test.each([1, 2])("ends by that signal and leaves nothing of %i that were starting", (count) => {
    const tmp = ownTmp();
    const script = `
      import { launchBrowser } from ${JSON.stringify(launch)};
      for (let left = ${count}; left > 0; left--) await launchBrowser(${JSON.stringify(findBrowser())}, "about:blank");
      setTimeout(() => {
        process.kill(process.pid, "SIGINT");
        process.kill(process.pid, "SIGINT");
      }, 400);
      setTimeout(() => process.exit(7), 10_000);
    `;
    const { signal, stderr } = runNode(["--input-type=module", "--eval", script]);
    expect({ signal, stderr }).toEqual({ signal: "SIGINT", stderr: "" });
    expect(readdirSync(tmp)).toEqual([]);
  });
});

test.skipIf(findBrowser() === undefined)(
  "a temporary folder that is not there is one error with what to do",
  async () => {
    vi.stubEnv("TMPDIR", join(folder, "nowhere"));
    const loading = browserRuntime.load(identity("float32"));
    await expect(loading).rejects.toThrow(SetupError);
    await expect(loading).rejects.toThrow(/profile cannot be made in the temporary folder .*nowhere: ENOENT/u);
  },
);

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

describe.skipIf(findBrowser() === undefined || process.platform !== "linux")("the page's address", () => {
  test("stands in no process's arguments, which every user of the machine may read", async () => {
    const session = await browserRuntime.load(identity("float32"));
    const own = browsers();
    const { stdout } = spawnSync("ps", ["-eo", "args="], { encoding: "utf8", maxBuffer: 2 ** 24 });
    await session.dispose();
    expect(own).toHaveLength(1);
    const lines = stdout.split("\n").filter((line) => line.includes("tfjs-to-onnx-browser-"));
    expect(lines.length).toBeGreaterThan(0);
    expect(lines.filter((line) => line.includes("127.0.0.1"))).toEqual([]);
  });
});
