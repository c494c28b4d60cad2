// The command `npm run parity`: see HELP.
import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { cpus, tmpdir } from "node:os";
import { join } from "node:path";

import { ensureBuild, ensureDependencies, root } from "./bootstrap.mjs";
import { ensureBrowser } from "./browser.mjs";

/** @typedef {{ place: string, network: string, maxAbsDiff: number, cases: number, elsewhere: string[] }} Result */

const HELP = `Usage: npm run parity [-- FILTER...]

Every network of test/parity on every runtime and provider, all batch sizes and all sizes of free dimensions, beside
TF.js; prints one table and keeps it in docs/parity.md. Takes some minutes where WebGPU is SwiftShader.

With FILTER, a part of the paths of test files, prints that part of the table and keeps nothing. Options go to the
test runner (vitest).

Examples:
  $ npm run parity
  $ npm run parity -- test/parity/node-cpu
  $ npm run parity -- test/parity/web- test/web/parity-
`;

const chosen = process.argv.slice(2);
if (chosen.includes("--help") || chosen.includes("-h")) {
  process.stdout.write(HELP);
  process.exit(0);
}
ensureDependencies();
ensureBuild();
await ensureBrowser();

const ALL = ["test/parity/tfjs", "test/parity/node-", "test/parity/web-", "test/web/parity-"];
const folder = mkdtempSync(join(tmpdir(), "tfjs-to-onnx-parity-"));
const report = join(folder, "report.json");
const vitest = join(root, "node_modules", "vitest", "vitest.mjs");
const reporters = ["--reporter=default", "--reporter=json", `--outputFile.json=${report}`];
const filters = chosen.length === 0 ? ALL : chosen;
const { status } = spawnSync(process.execPath, [vitest, "run", "--no-file-parallelism", ...reporters, ...filters], {
  cwd: root,
  stdio: ["ignore", 2, "inherit"],
  env: { ...process.env, VITE_PARITY: "full", TF_CPP_MIN_LOG_LEVEL: "2" },
});
if (!existsSync(report)) {
  rmSync(folder, { recursive: true });
  process.stderr.write("the test runner ended before it had a report: see above\n");
  process.exit(status === 0 ? 1 : (status ?? 1));
}
/** @type {unknown} */
const parsed = JSON.parse(readFileSync(report, "utf8"));
rmSync(folder, { recursive: true });

const tests = list(field(parsed, "testResults")).flatMap((file) => list(field(file, "assertionResults")));
const results = tests.map((test) => field(field(test, "meta"), "parity")).filter(isResult);
process.stdout.write(`${table(results)}\n`);
const notRun = [...new Set(tests.filter((test) => field(test, "status") === "skipped").map(placeOf))];
if (notRun.length > 0) process.stdout.write(`${notRunLine()}\n`);
const failed = tests.filter((test) => field(test, "status") === "failed");
for (const test of failed) process.stdout.write(`DIFFERS: ${String(field(test, "fullName"))}\n`);
if (chosen.length === 0 && status === 0) writeFileSync(join(root, "docs", "parity.md"), page(results));
process.exit(status ?? 1);

/**
 * @param {unknown} value
 * @param {string} key
 * @returns {unknown}
 */
function field(value, key) {
  return typeof value === "object" && value !== null ? Reflect.get(value, key) : undefined;
}

/**
 * @param {unknown} value
 * @returns {unknown[]}
 */
function list(value) {
  return Array.isArray(value) ? value : [];
}

/**
 * @param {unknown} value
 * @returns {value is Result}
 */
function isResult(value) {
  return typeof field(value, "place") === "string" && typeof field(value, "maxAbsDiff") === "number";
}

/**
 * A row for each place, a column for each network: the largest difference, and a star where WebGPU left nodes to the CPU.
 *
 * @param {Result[]} all
 */
function table(all) {
  const places = [...new Set(all.map(({ place }) => place))];
  const networks = [...new Set(all.map(({ network }) => network))];
  /** @param {readonly string[]} cells */
  const line = (cells) => `| ${cells.join(" | ")} |`;
  const rows = places.map((place) =>
    line([
      place,
      ...networks.map((network) => {
        const result = all.find((each) => each.place === place && each.network === network);
        if (result === undefined) return "–";
        return `${result.maxAbsDiff.toExponential(1)}${result.elsewhere.length === 0 ? "" : " *"}`;
      }),
    ]),
  );
  return [line(["", ...networks]), line(["---", ...networks.map(() => "---:")]), ...rows].join("\n");
}

/**
 * The place of a test, the end of the name of its describe.
 *
 * @param {unknown} test
 */
function placeOf(test) {
  return String(list(field(test, "ancestorTitles"))[0]).replace("parity with TF.js: ", "");
}

function notRunLine() {
  return `Not run, or not all, for want of what it takes on this machine: ${notRun.join("; ")}.`;
}

/** @param {Result[]} all */
function page(all) {
  const cases = all.reduce((sum, each) => sum + each.cases, 0);
  const left = [
    ...new Set(
      all.flatMap(({ place, network, elsewhere }) => {
        return elsewhere.length === 0 ? [] : [`${place}: ${network}: ${elsewhere.join(", ")}`];
      }),
    ),
  ];
  const machine = `${cpus().length} x ${cpus()[0]?.model ?? "unknown processor"}, ${process.platform} ${process.arch}`;
  return `# The same numbers everywhere

Largest absolute difference from TF.js's WebAssembly backend, over batches of 1, 2 and 7 and several sizes of every free
dimension; weights and inputs at random, logits where the network has classes. \`npm run parity\` made this table on
${new Date().toISOString().slice(0, 10)}: ${cases} runs, Node ${process.version}, ${machine}; WebGPU on SwiftShader where the machine has no GPU.
The tests hold every difference below 2e-5 + 1e-5 · |expected|.

${table(all)}
${notRun.length === 0 ? "" : `\n${notRunLine()}\n`}${left.length === 0 ? "" : `\n\\* Nodes that WebGPU leaves to the CPU, as the session's \`elsewhere\` names them:\n\n${left.map((each) => `- ${each}`).join("\n")}\n`}`;
}
