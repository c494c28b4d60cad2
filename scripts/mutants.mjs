// `npm run mutants -- --seed N --count 100`: changes one token at a time in a copy of the repository, and lists the changes that
// no test notices. Exits 1 when there is one.
import { execFileSync, fork, spawn } from "node:child_process";
import { createHash } from "node:crypto";
import {
  appendFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { parseArgs } from "node:util";

import { ensureBuild, ensureDependencies, root } from "./bootstrap.mjs";
import { applied, mutantsOf, sample } from "./mutants/mutate.mjs";
import { importsOf, nearestTests } from "./mutants/nearest-tests.mjs";

/** @typedef {import("./mutants/mutate.mjs").Mutant} Mutant */
/** @typedef {{ test: string, name: string, message: string }} Failure */
/** @typedef {"killed" | "killed (time over)" | "survived" | "stopped by types" | "no test" | "too slow to tell"} Outcome */
/** @typedef {Mutant & { outcome: Outcome, by?: Failure, tests: string[], seconds: number }} Result */

const HELP = `npm run mutants -- [options]

  --seed N       which mutants (default 1)
  --count N      how many (default 100)
  --under PATH   only files whose path begins so (default: src/export/, src/infer/, src/verify/, src/train/compile/)
  --tests N      at most this many test files for a mutant, the nearest ones (default 10)
  --workers N    test files at once (default 2)
  --limit N      seconds for the tests of a mutant that run together, at most four files (default 300)
  --results FILE one JSON line for each mutant; mutants that are there already are not run again (default mutants-SEED.jsonl)
  --list         print the mutants with their tests, and run nothing
`;

const { values: options } = parseArgs({
  options: {
    seed: { type: "string", default: "1" },
    count: { type: "string", default: "100" },
    under: {
      type: "string",
      multiple: true,
      default: ["src/export/", "src/infer/", "src/verify/", "src/train/compile/"],
    },
    tests: { type: "string", default: "10" },
    workers: { type: "string", default: "2" },
    limit: { type: "string", default: "300" },
    results: { type: "string" },
    list: { type: "boolean", default: false },
    help: { type: "boolean", default: false },
  },
});
if (options.help) {
  process.stdout.write(HELP);
  process.exit(0);
}
const [seed, count] = [whole(options.seed), whole(options.count)];
const [testCount, workers, limit] = [whole(options.tests), whole(options.workers), whole(options.limit)];
const resultsFile = options.results ?? `mutants-${seed}.jsonl`;

/** @param {string} text @returns {number} */
function whole(text) {
  const value = Number(text);
  if (Number.isSafeInteger(value) && value > 0) return value;
  process.stderr.write(`error: ${text} is not a whole number above 0\n\n${HELP}`);
  return process.exit(2);
}

const tracked = execFileSync("git", ["ls-files", "-z", "--cached", "--others", "--exclude-standard"], { cwd: root })
  .toString()
  .split("\0")
  .filter((file) => file !== "" && existsSync(join(root, file)));
const sources = tracked.filter((file) => options.under.some((start) => file.startsWith(start)) && file.endsWith(".ts"));
const every = sources
  .filter((file) => !file.endsWith(".d.ts"))
  .flatMap((file) => mutantsOf(file, readFileSync(join(root, file), "utf8")));
const chosen = sample(every, count, seed);
const imports = importsOf(root, tracked);

/** @param {Mutant} mutant */
const nameOf = ({ file, line, column, from, to }) =>
  `${file}:${line}:${column}  ${from} -> ${to === "" ? "(nothing)" : to}`;

if (options.list) {
  for (const mutant of chosen)
    process.stdout.write(
      `${nameOf(mutant)}  ${nearestTests(imports, mutant.file, mutant.line, testCount).join(" ")}\n`,
    );
  process.exit(0);
}

const done = resumed();
ensureDependencies();
ensureBuild();
const folder = realpathSync(mkdtempSync(join(tmpdir(), "tfjs-to-onnx-mutants-")));
/** @type {import("node:child_process").ChildProcess | null} */
let host = null;
process.on("exit", () => {
  stop(host);
  rmSync(folder, { recursive: true, force: true });
});
for (const signal of ["SIGINT", "SIGTERM"]) process.on(signal, () => process.exit(130));
copyRepository();
const typeCheck = ["-p", "tsconfig.mutants.json", "--incremental", "--tsBuildInfoFile", "mutants.tsbuildinfo"];
if ((await exitCode("typescript/bin/tsc", typeCheck)) !== 0) throw new Error("the types are wrong before any change");

/** The results of an earlier run over the same sources. @returns {Map<string, Result>} */
function resumed() {
  const hash = createHash("sha256");
  for (const file of sources) hash.update(file).update(readFileSync(join(root, file)));
  const header = JSON.stringify({ seed, sources: hash.digest("hex") });
  if (!existsSync(resultsFile)) writeFileSync(resultsFile, `${header}\n`);
  const [first, ...lines] = readFileSync(resultsFile, "utf8").split("\n");
  if (first !== header) {
    process.stderr.write(`error: ${resultsFile} is of another seed or of other sources; name another with --results\n`);
    process.exit(2);
  }
  /** @type {Map<string, Result>} */
  const results = new Map();
  for (const line of lines.filter((each) => each !== "")) {
    /** @type {unknown} */
    const result = JSON.parse(line);
    if (!isResult(result)) throw new Error(`${resultsFile} has a line that is no result: ${line}`);
    results.set(nameOf(result), result);
  }
  return results;
}

/** @param {unknown} value @returns {value is Result} */
function isResult(value) {
  const keys = ["file", "line", "column", "start", "from", "to", "outcome", "tests", "seconds"];
  return typeof value === "object" && value !== null && keys.every((key) => key in value);
}

function copyRepository() {
  for (const file of tracked) {
    mkdirSync(join(folder, dirname(file)), { recursive: true });
    cpSync(join(root, file), join(folder, file));
  }
  symlinkSync(join(root, "node_modules"), join(folder, "node_modules"));
  cpSync(join(root, "dist"), join(folder, "dist"), { recursive: true });
  writeFileSync(join(folder, "tsconfig.mutants.json"), '{ "extends": "./tsconfig.json", "include": ["src"] }\n');
}

/** @param {string} program @param {string[]} args @returns {Promise<number | null>} */
function exitCode(program, args) {
  const child = spawn(process.execPath, [join(root, "node_modules", program), ...args], {
    cwd: folder,
    stdio: "ignore",
  });
  return new Promise((resolve, reject) => child.on("error", reject).on("close", resolve));
}

/** The process and those it started. @param {import("node:child_process").ChildProcess | null} child */
function stop(child) {
  if (child?.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
  try {
    process.kill(-child.pid, "SIGKILL");
  } catch {
    child.kill("SIGKILL");
  }
}

/** A vitest that waits for orders; it is kept until a run of it takes too long. */
async function startHost() {
  const started = fork(join(folder, "scripts", "mutants", "host.mjs"), [String(workers)], {
    cwd: folder,
    detached: true,
    stdio: ["ignore", "ignore", "inherit", "ipc"],
  });
  host = started;
  await new Promise((resolve, reject) => {
    started.once("message", resolve);
    started.once("exit", (code) => reject(new Error(`vitest ended with ${code} before it was ready`)));
  });
  started.removeAllListeners("exit");
  return started;
}

let orders = 0;
/** @type {string | null} */
let changedBefore = null;

/**
 * @param {string} changed the file that has or had a mutant
 * @param {readonly string[]} tests
 * @param {string} [name] the only test to run in them
 * @returns {Promise<Failure[] | "time over">}
 */
async function failuresOf(changed, tests, name = "") {
  const used = host ?? (await startHost());
  const id = (orders += 1);
  // The file of the mutant before is as it was again, which vitest does not know.
  const stale = [...new Set([changed, changedBefore ?? changed])];
  changedBefore = changed;
  /** @type {{ failures: Failure[], ran: number } | "time over"} */
  const answer = await new Promise((resolve, reject) => {
    const timer = setTimeout(() => resolve("time over"), limit * 1000);
    used.removeAllListeners("message").removeAllListeners("exit");
    used.on("exit", (code) => reject(new Error(`vitest ended with ${code}`)));
    used.on("message", (/** @type {{ id: number, failures: Failure[], ran: number }} */ message) => {
      if (message.id !== id) return;
      clearTimeout(timer);
      resolve(message);
    });
    used.send({ id, stale, tests, name });
  });
  if (answer === "time over") {
    used.removeAllListeners("exit");
    stop(used);
    host = null;
    return answer;
  }
  const hasRun = answer.failures.length > 0 || answer.ran > 0;
  if (!hasRun && name !== "") return failuresOf(changed, tests);
  if (!hasRun) throw new Error(`no test ran in ${tests.join(", ")}`);
  return answer.failures;
}

/** Test files that fail without any change, and single tests known to pass. */
const failing = new Set();
const passing = new Set();

/**
 * Whether tests notice that a file was changed. A test that fails is run again on the unchanged file, once, before it is believed.
 *
 * @param {string} file @param {string[]} tests @param {(isChanged: boolean) => void} write
 * @returns {Promise<{ outcome: Outcome, by?: Failure }>}
 */
async function judged(file, tests, write) {
  const late = new Set();
  for (;;) {
    const left = tests.filter((test) => !failing.has(test));
    if (left.length === 0) return { outcome: "no test" };
    write(true);
    const failures = await failuresOf(file, left);
    if (failures === "time over") {
      write(false);
      const isSlow = (await failuresOf(file, left)) === "time over";
      return { outcome: isSlow ? "too slow to tell" : "killed (time over)" };
    }
    const [by] = failures;
    if (by === undefined) return { outcome: "survived" };
    const known = `${by.test} ${by.name}`;
    // On a busy machine a test may have been late by itself.
    if (/timed out in \d+ms/.test(by.message) && !late.has(known)) {
      late.add(known);
      continue;
    }
    if (by.test === "" || passing.has(known)) return { outcome: "killed", by };
    write(false);
    const plain = await failuresOf(file, [by.test], by.name);
    if (plain !== "time over" && plain.length === 0) {
      passing.add(known);
      return { outcome: "killed", by };
    }
    failing.add(by.test);
    const why = plain === "time over" ? plain : plain.map(({ name, message }) => `${name}: ${message}`).join("; ");
    process.stdout.write(`left out, since it fails unchanged: ${by.test} (${why})\n`);
  }
}

/** Which of the tests of a mutant run together. */
const BATCHES = [
  [0, 1],
  [1, 4],
  [4, 8],
  [8, Infinity],
];

/** @param {Mutant} mutant @returns {Promise<Pick<Result, "outcome" | "by" | "tests">>} */
async function outcomeOf(mutant) {
  const { file, line } = mutant;
  const path = join(folder, file);
  const before = readFileSync(path, "utf8");
  /** @param {boolean} isChanged */
  const write = (isChanged) => writeFileSync(path, isChanged ? applied(before, mutant) : before);
  const tests = nearestTests(imports, file, line, testCount);
  try {
    write(true);
    if ((await exitCode("typescript/bin/tsc", typeCheck)) !== 0) return { outcome: "stopped by types", tests: [] };
    // The nearest alone first, since most mutants go no further; then a few at a time, so that the limit is on each few.
    /** @type {Outcome} */
    let outcome = "no test";
    for (const [start, end] of BATCHES) {
      const judgement = await judged(file, tests.slice(start, end), write);
      if (judgement.outcome.startsWith("killed")) return { ...judgement, tests };
      if (judgement.outcome === "too slow to tell" || outcome === "no test") ({ outcome } = judgement);
    }
    return { outcome, tests };
  } finally {
    write(false);
  }
}

process.stdout.write(`${every.length} mutants in ${sources.length} files, ${chosen.length} chosen by seed ${seed}\n`);
for (const mutant of chosen) {
  if (done.has(nameOf(mutant))) continue;
  const start = performance.now();
  const outcome = await outcomeOf(mutant);
  const result = { ...mutant, ...outcome, seconds: Math.round((performance.now() - start) / 1000) };
  done.set(nameOf(mutant), result);
  appendFileSync(resultsFile, `${JSON.stringify(result)}\n`);
  process.stdout.write(`${result.outcome.padEnd(19)} ${nameOf(mutant)}  (${result.seconds} s)\n`);
}

const results = chosen.flatMap((mutant) => done.get(nameOf(mutant)) ?? []);
const viable = results.filter(({ outcome }) => outcome !== "stopped by types" && outcome !== "too slow to tell");
const survivors = viable.filter(({ outcome }) => outcome === "survived" || outcome === "no test");
process.stdout.write(
  `\nseed ${seed}: ${results.length} mutants, ${results.length - viable.length} not viable, ` +
    `${viable.length - survivors.length} of ${viable.length} viable ones killed\n`,
);
for (const mutant of survivors) process.stdout.write(`${mutant.outcome.padEnd(9)} ${nameOf(mutant)}\n`);
process.exit(survivors.length > 0 ? 1 : 0);
