import { spawnSync } from "node:child_process";

import { describe, expect, test } from "vitest";

import type { Provider } from "../../../src/infer/runtime.ts";
import { browserRuntime } from "../../../src/node/browser/browser-runtime.ts";
import { findBrowser } from "../../../src/node/browser/find-browser.ts";
import { growthOver } from "../../helpers/growth.ts";
import { cycle, index, weightier, weighty } from "../../helpers/loads.ts";

interface Row {
  readonly id: number;
  readonly parent: number;
  readonly bytes: number;
  readonly command: string;
}

/** This process and all that come of it, the browser's among them. */
function family(): readonly Row[] {
  const { stdout } = spawnSync("ps", ["-A", "-o", "pid=,ppid=,rss=,args="], { encoding: "utf8" });
  const rows = stdout.split("\n").map((line): Row => {
    const [id, parent, kilobytes, ...command] = line.trim().split(/\s+/u);
    return { id: Number(id), parent: Number(parent), bytes: Number(kilobytes) * 1024, command: command.join(" ") };
  });
  const below = (id: number): readonly Row[] =>
    rows.filter(({ parent }) => parent === id).flatMap((row) => [row, ...below(row.id)]);
  return [...rows.filter(({ id }) => id === process.pid), ...below(process.pid)];
}

/** Bytes resident where a provider keeps weights: anywhere, or in the browser's graphics process. */
function residentFor(provider: Provider): number {
  const rows = family().filter(({ command }) => provider === "wasm" || command.includes("--type=gpu-process"));
  if (rows.length === 0) throw new Error("there is no graphics process");
  return rows.reduce((sum, { bytes }) => sum + bytes, 0);
}

/** MiB; of the loads of a half that left their weights behind it would be 240. What V8 has yet to collect comes and goes. */
const LEAST_LEAK = 120;
const cases: readonly { readonly provider: Provider; readonly loads: number; readonly model: Uint8Array }[] = [
  { provider: "wasm", loads: 120, model: weighty },
  { provider: "webgpu", loads: 60, model: weightier },
];

if (findBrowser() === undefined) process.stderr.write("skipped: no Chromium here for many loads in a browser\n");

describe.skipIf(findBrowser() === undefined).each(cases)(
  "many loads in one browser, on $provider",
  ({ provider, loads, model }) => {
    test("dispose gives back all, here and there", async () => {
      const load = () => browserRuntime.load(model, { provider });
      const other = await load();
      expect(await growthOver(loads, load, index, () => residentFor(provider))).toBeLessThan(LEAST_LEAK);
      await other.dispose();
    }, 180_000);
  },
);

test.skipIf(findBrowser() === undefined)("browsers that came and went leave no listener in this process", async () => {
  const listeners = (): number[] => ["exit", "SIGINT", "SIGTERM", "SIGHUP"].map((name) => process.listenerCount(name));
  const before = listeners();
  await cycle(() => browserRuntime.load(weighty), index, 3);
  expect(listeners()).toEqual(before);
});
