import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join, resolve } from "node:path";

import { afterAll, expect, test } from "vitest";

import { findBrowser } from "../../../src/node/browser/find-browser.ts";
import { runNode, type Outcome } from "../../helpers/command.ts";

const folder = mkdtempSync(join(tmpdir(), "tfjs-to-onnx-ensure-"));
afterAll(() => rmSync(folder, { recursive: true }));

/** As Ubuntu has it in place of a browser. */
const stub = join(folder, "chromium");
writeFileSync(stub, "#!/bin/sh\necho requires the chromium snap >&2\nexit 1\n");
chmodSync(stub, 0o755);

/** What `npm test` does to have a browser. */
function ensure(env: NodeJS.ProcessEnv): Outcome {
  const script = `
    import { ensureBrowser } from ${JSON.stringify(resolve(import.meta.dirname, "../../../scripts/browser.mjs"))};
    await ensureBrowser().then(
      (browser) => process.stdout.write(browser),
      (error) => process.stdout.write("refused: " + error.message),
    );
  `;
  return runNode(["--input-type=module", "--eval", script], { env: { ...process.env, ...env } });
}

test.skipIf(findBrowser() === undefined)("npm test passes over a program that is no browser that starts", () => {
  const PATH = [folder, process.env["PATH"]].join(delimiter);
  const { stdout, stderr } = ensure({ PATH, CHROME_PATH: "" });
  expect({ stdout, stderr }).toEqual({ stdout: findBrowser(), stderr: "" });
});

test("npm test replaces no browser that was named, and uses none when told so", () => {
  expect(ensure({ CHROME_PATH: stub }).stdout).toBe(
    `refused: CHROME_PATH names a program that does not start: ${stub}`,
  );
  expect(ensure({ CHROME_PATH: join(folder, "no") }).stdout).toMatch(/^refused: CHROME_PATH names no program: /u);
  expect(ensure({ CHROME_PATH: "none" })).toMatchObject({
    stdout: "none",
    stderr: "CHROME_PATH is none: the tests in a browser are skipped\n",
  });
});
