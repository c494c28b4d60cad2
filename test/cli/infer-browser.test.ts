import { expect, test } from "vitest";

import { findBrowser } from "../../src/node/browser/find-browser.ts";

import { runCommand, type Outcome } from "../helpers/command.ts";

function infer(args: readonly string[], env: NodeJS.ProcessEnv = {}): Outcome {
  const all = ["infer", "--model", "crnn-mnist", "--dataset", "digits", "--limit", "20", ...args];
  return runCommand(all, { timeout: 60_000, env: { ...process.env, ...env } });
}

test("--browser gives the answers of this process, on the threads asked for", ({ skip }) => {
  if (findBrowser() === undefined) skip("no Chromium here");
  const here = infer(["--runtime", "web", "--json"]);
  const there = infer(["--browser", "--threads", "2", "--json"]);
  expect([here.status, there.status]).toEqual([0, 0]);
  const [expected, actual]: unknown[] = [here, there].map(({ stdout }): unknown => JSON.parse(stdout));
  expect(actual).toMatchObject({ images: 20, runtime: "web", provider: "wasm", browser: true });
  expect(expected).not.toHaveProperty("browser");
  expect(Reflect.get(Object(actual), "accuracy")).toBe(Reflect.get(Object(expected), "accuracy"));
  expect(there.stderr).toMatch(/^in \S*Chrome\/\d+\S*: /mu);
});

test("--browser with another runtime is wrong usage", () => {
  const { status, stdout, stderr } = infer(["--browser", "--runtime", "node"]);
  expect({ status, stdout }).toEqual({ status: 2, stdout: "" });
  expect(stderr).toContain("--browser goes with --runtime web; got node");
});

test("a browser that is not there is one error with what to do", () => {
  const { status, stdout, stderr } = infer(["--browser"], { CHROME_PATH: "/nowhere/chrome" });
  expect({ status, stdout }).toEqual({ status: 1, stdout: "" });
  expect(stderr).toBe(
    "error: CHROME_PATH names no program: /nowhere/chrome\nhint: set it to the path of Chromium or Chrome, or unset it\n",
  );
});
