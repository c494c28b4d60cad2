import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

import { afterAll, describe, expect, test } from "vitest";

import { runProgram } from "../../../src/train/native/programs.ts";

const folder = mkdtempSync(join(tmpdir(), "tfjs-to-onnx-tether-"));
afterAll(() => rmSync(folder, { recursive: true }));

const dist = resolve(import.meta.dirname, "../../../dist/train/native/programs.js");

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    // A process that no one waits for stays as a zombie.
    return process.platform !== "linux" || !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, "utf8"));
  } catch {
    return false;
  }
}

async function until(condition: () => boolean): Promise<boolean> {
  for (let tries = 0; tries < 100; tries++) {
    if (condition()) return true;
    await sleep(50);
  }
  return false;
}

describe.skipIf(process.platform === "win32")("a tethered program", () => {
  test("ends as it would without", async () => {
    const run = (script: string): Promise<unknown> => runProgram(["/bin/sh", "-c", script, "a b"], { tethered: true });
    expect(await run("echo out; echo err >&2; echo $0")).toMatchObject({ ok: true, ending: "exit code 0" });
    expect(await run("echo $0")).toMatchObject({ output: "a b\n" });
    expect(await run("exit 7")).toMatchObject({ ok: false, ending: "exit code 7" });
    expect(await runProgram(["/none/such"], { tethered: true })).toMatchObject({ ok: false });
  });

  test("ends when it is interrupted", async () => {
    const signal = AbortSignal.timeout(300);
    await expect(runProgram(["sleep", "60"], { tethered: true, signal })).rejects.toThrow("timeout");
  });

  test("ends with the process that started it, killed or not", async () => {
    const pidFile = join(folder, "pid");
    const code =
      `import(${JSON.stringify(dist)}).then(({ runProgram }) => ` +
      `runProgram(["/bin/sh", "-c", "echo $$ > ${pidFile}; exec sleep 60"], { tethered: true }))`;
    const parent = spawn(process.execPath, ["-e", code], { stdio: "ignore" });
    const pid = (): number => {
      try {
        return Number(readFileSync(pidFile, "utf8"));
      } catch {
        return 0;
      }
    };
    expect(await until(() => pid() > 0 && isAlive(pid()))).toBe(true);
    parent.kill("SIGKILL");
    expect(await until(() => !isAlive(pid()))).toBe(true);
  });
});
