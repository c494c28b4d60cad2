// `npm run nodes`: the whole pipeline, small, under every Node this package supports that is available: this one, and those
// the npm registry has as packages (linux and macOS). Exits 1 when a step fails under one of them.
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { cli, ensureBuild, ensureDependencies } from "./bootstrap.mjs";

const MAJORS = [20, 22, 24];

ensureDependencies();
ensureBuild();
const { renderedDigits } = await import("../dist/data/digits/rendered-digits.js");
const { cacheDir } = await import("../dist/node/cache-dir.js");
const { encodeGreyPng } = await import("../dist/node/png.js");

const work = mkdtempSync(join(tmpdir(), "tfjs-to-onnx-nodes-"));
const pictures = writePictures(work);
let failed = 0;
for (const { name, program } of [{ name: process.version, program: process.execPath }, ...MAJORS.map(nodeOf)]) {
  if (program === undefined) {
    process.stdout.write(`node ${name}: skipped, the registry has none for this machine\n`);
    continue;
  }
  for (const [step, args] of steps(join(work, name))) run(program, name, step, args);
}
rmSync(work, { recursive: true });
process.exit(failed > 0 ? 1 : 0);

/** More than are prepared before threads start. @param {string} folder */
function writePictures(folder) {
  const digits = renderedDigits({ split: "test", seed: 8, count: 60 });
  return Array.from({ length: digits.images }, (_, index) => {
    const file = join(folder, `${index}.png`);
    writeFileSync(file, encodeGreyPng(Uint8Array.from(digits.pixels(index)), 28, 28));
    return file;
  });
}

/**
 * @param {string} out
 * @returns {[string, string[]][]}
 */
function steps(out) {
  const scored = ["--dataset", "digits", "--limit", "50", "--json"];
  const onnx = join(out, "model.onnx");
  return [
    ["train", ["train", "--dataset", "digits", "--limit", "256", "--epochs", "1", "--out", out, "--json"]],
    ["export and verify", ["export", out, "--out", onnx, "--json"]],
    ["infer on node", ["infer", "--model", onnx, "--runtime", "node", ...scored]],
    ["infer on web", ["infer", "--model", onnx, "--runtime", "web", ...scored]],
    ["infer on pictures, in threads", ["infer", "--model", onnx, "--workers", "2", "--json", ...pictures]],
    ["infer on tfjs", ["infer", "--model", join(out, "model.json"), "--runtime", "tfjs", ...scored]],
  ];
}

/**
 * @param {string} program
 * @param {string} name
 * @param {string} step
 * @param {string[]} args
 */
function run(program, name, step, args) {
  const started = performance.now();
  const { status, stderr } = spawnSync(program, [cli, ...args], { cwd: work, encoding: "utf8", timeout: 300_000 });
  const seconds = ((performance.now() - started) / 1000).toFixed(1);
  process.stdout.write(`node ${name}: ${step} ${status === 0 ? "ok" : "FAILED"} in ${seconds} s\n`);
  if (status === 0) return;
  failed++;
  process.stdout.write(`${stderr}\n`);
}

/**
 * A Node of another major version, in the cache.
 *
 * @param {number} major
 */
function nodeOf(major) {
  const folder = join(cacheDir(), "nodes", String(major));
  const program = join(folder, "node_modules", "node-of-this-major", "bin", "node");
  if (!existsSync(program)) install(folder, major);
  return { name: `${major}`, program: existsSync(program) ? program : undefined };
}

/**
 * @param {string} folder
 * @param {number} major
 */
function install(folder, major) {
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, "package.json"), "{}");
  const wanted = `node-of-this-major@npm:node-${process.platform}-${process.arch}@${major}`;
  spawnSync("npm", ["install", "--ignore-scripts", "--no-audit", "--no-fund", wanted], {
    cwd: folder,
    stdio: ["ignore", 2, 2],
  });
}
