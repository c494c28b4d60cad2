// `npm test`: set up what a fresh clone lacks, then run every test. Ends with a line taken from the runner's own report:
// `N passed, N failed, N skipped`. Arguments go to the runner: `npm test -- test/export`.
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { cli, ensureBuild, ensureDependencies, root } from "./bootstrap.mjs";
import { ensureBrowser } from "./browser.mjs";

ensureDependencies();
ensureBuild();

const setup = spawnSync(process.execPath, [cli, "setup"], { cwd: root, stdio: ["ignore", 2, 2] });
if (setup.status !== 0) {
  process.stderr.write("native TensorFlow is not set up (see above): the tests that train are skipped\n");
}

const browser = await ensureBrowser().catch((/** @type {unknown} */ error) => {
  process.stderr.write(`error: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exit(1);
});

const folder = mkdtempSync(join(tmpdir(), "tfjs-to-onnx-test-"));
const report = join(folder, "report.json");
const vitest = join(root, "node_modules", "vitest", "vitest.mjs");
const reporters = ["--reporter=default", "--reporter=json", `--outputFile.json=${report}`];
const { status } = spawnSync(process.execPath, [vitest, "run", ...reporters, ...process.argv.slice(2)], {
  cwd: root,
  stdio: ["ignore", "inherit", "inherit"],
  env: { ...process.env, CHROME_PATH: browser, TF_CPP_MIN_LOG_LEVEL: process.env["TF_CPP_MIN_LOG_LEVEL"] ?? "2" },
});

/** @type {unknown} */
const counts = JSON.parse(readFileSync(report, "utf8"));
rmSync(folder, { recursive: true });
const failed = Math.max(count("numFailedTests"), status === 0 ? 0 : 1);
process.stdout.write(`\n${count("numPassedTests")} passed, ${failed} failed, ${count("numPendingTests")} skipped\n`);
process.exit(status ?? 1);

/** @param {string} key */
function count(key) {
  /** @type {unknown} */
  const found = typeof counts === "object" && counts !== null ? Reflect.get(counts, key) : undefined;
  return typeof found === "number" ? found : Number.NaN;
}
