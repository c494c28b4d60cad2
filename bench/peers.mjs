// What the benches beside other exporters have in common.
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { homedir } from "node:os";
import path from "node:path";

/** @typedef {import("onnxruntime-node").InferenceSession.SessionOptions} SessionOptions */

const PACKAGES = [
  process.arch === "x64" && process.platform === "linux" ? "tensorflow-cpu==2.20.0" : "tensorflow==2.20.0",
  "keras==3.15.0",
  "tf2onnx==1.17.0",
  "onnx==1.23.2",
  "onnxslim==0.1.98",
  // onnxruntime.quantization asks for it when it makes int4.
  "onnx-ir==1.1.0",
];

/** Install the Python exporters in the user's cache. @returns {string} the Python that has them */
export function setUpPeers() {
  const cache = process.env["XDG_CACHE_HOME"] ?? path.join(homedir(), ".cache");
  const folder = path.join(cache, "tfjs-to-onnx", "bench-exporters");
  const python = path.join(folder, "bin", "python");
  if (existsSync(path.join(folder, "ready"))) return python;
  process.stderr.write(`setting the Python exporters up in ${folder} ...\n`);
  run("python3", ["-m", "venv", folder]);
  run(python, ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", ...PACKAGES]);
  run("touch", [path.join(folder, "ready")]);
  return python;
}

/**
 * @param {string} command
 * @param {readonly string[]} args
 * @param {Readonly<Record<string, string>>} [environment] more variables
 * @returns {{ stdout: string, took: number }}
 */
export function run(command, args, environment = {}) {
  const started = performance.now();
  const env = { ...process.env, ...environment };
  const options = { encoding: /** @type {const} */ ("utf8"), maxBuffer: 2 ** 28, timeout: 300_000, env };
  const { status, stdout, stderr, error } = spawnSync(command, args, options);
  if (status !== 0) throw new Error(`${command} ${args.join(" ")} failed: ${error?.message ?? stderr.slice(-2000)}`);
  return { stdout, took: performance.now() - started };
}

/** @returns {SessionOptions} */
export function oneThread() {
  return { executionProviders: ["cpu"], intraOpNumThreads: 1, interOpNumThreads: 1, logSeverityLevel: 3 };
}
