import { spawnSync } from "node:child_process";
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";

import { afterAll, beforeAll, describe, expect, test } from "vitest";

import { renderedDigits } from "../src/data/digits/rendered-digits.ts";
import { encodeGreyPng } from "../src/node/png.ts";

const root = resolve(import.meta.dirname, "..");
const folder = mkdtempSync(join(tmpdir(), "tfjs-to-onnx-pack-"));
const shipped = join(root, "models", "crnn-mnist");

interface Outcome {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

function run(command: string, args: readonly string[], cwd: string): Outcome {
  const { status, stdout, stderr } = spawnSync(command, args, { cwd, encoding: "utf8", timeout: 120_000 });
  return { status, stdout, stderr };
}

/** The registry has to answer once for the few packages the command line needs. */
function install(): string | null {
  const packed = run("npm", ["pack", "--ignore-scripts", "--pack-destination", folder], root);
  if (packed.status !== 0) throw new Error(packed.stderr);
  const tarball = readdirSync(folder).find((name) => name.endsWith(".tgz"));
  if (tarball === undefined) throw new Error("npm pack made no tarball");
  writeFileSync(join(folder, "package.json"), JSON.stringify({ name: "user", type: "module", private: true }));
  const installed = run(
    "npm",
    ["install", "--prefer-offline", "--ignore-scripts", "--omit=optional", "--no-audit", "--no-fund", `./${tarball}`],
    folder,
  );
  if (installed.status === 0) return null;
  return `npm install failed: ${installed.stderr.slice(-500)}`;
}

function link(name: string): void {
  const target = join(folder, "node_modules", name);
  if (existsSync(target)) return;
  mkdirSync(resolve(target, ".."), { recursive: true });
  symlinkSync(join(root, "node_modules", name), target);
}

let failure: string | null = null;

beforeAll(() => {
  failure = install();
  if (failure !== null && /ENOTFOUND|ECONNREFUSED|ETIMEDOUT|ENOTCACHED|EAI_AGAIN/.test(failure)) {
    process.stderr.write(`skipped: the package is not tried out, for the npm registry does not answer\n`);
  }
}, 180_000);

afterAll(() => rmSync(folder, { recursive: true, force: true }));

const bin = join(folder, "node_modules", ".bin", "tfjs-to-onnx");
const offline = (): boolean =>
  failure !== null && /ENOTFOUND|ECONNREFUSED|ETIMEDOUT|ENOTCACHED|EAI_AGAIN/.test(failure);

/** The README's own example, word for word. */
function readmeExample(heading: string, language: string): string {
  const readme = readFileSync(join(root, "README.md"), "utf8");
  const [, section = ""] = readme.split(`## ${heading}\n`);
  const code = new RegExp(`^\`\`\`${language}\\n(.*?)^\`\`\`$`, "ms").exec(section)?.[1];
  if (code === undefined) throw new Error(`the README has no example under "${heading}"`);
  return code;
}

/** A session without what changes from one machine to the next: times, differences, values, and progress on slow ones. */
function withoutMeasures(session: string): string {
  return session
    .replaceAll("npx tfjs-to-onnx", "tfjs-to-onnx")
    .replaceAll(/^verifying .*\n/gmu, "")
    .replaceAll(/\d+\.\d\d s\b/gu, "TIME")
    .replaceAll(/at most \d\S*/gu, "at most DIFFERENCE")
    .replaceAll(/^ {2}\d[\d., ]+$/gmu, "  VALUES")
    .trim();
}

describe("the packed package, installed in an empty folder", () => {
  test("installs", ({ skip }) => {
    if (offline()) skip();
    expect(failure).toBeNull();
  });

  test("holds no sources and no tests", ({ skip }) => {
    if (offline()) skip();
    const files = readdirSync(join(folder, "node_modules", "tfjs-to-onnx"));
    expect(files.toSorted()).toEqual([
      "CHANGELOG.md",
      "LICENSE",
      "README.md",
      "dist",
      "docs",
      "models",
      "package.json",
    ]);
  });

  test("is at most 5 MB, packed", ({ skip }) => {
    if (offline()) skip();
    const tarball = readdirSync(folder).find((name) => name.endsWith(".tgz"));
    expect(statSync(join(folder, tarball ?? "")).size).toBeLessThan(5_000_000);
  });

  test("is clean to publint and to attw, as a package of ES modules alone", ({ skip }) => {
    if (offline()) skip();
    const tarball = join(folder, readdirSync(folder).find((name) => name.endsWith(".tgz")) ?? "");
    const checks = [
      run(join(root, "node_modules", ".bin", "publint"), ["run", "--strict", tarball], folder),
      run(join(root, "node_modules", ".bin", "attw"), [tarball, "--profile", "esm-only"], folder),
    ];
    expect(checks.map(({ status, stdout }) => (status === 0 ? 0 : stdout))).toEqual([0, 0]);
  });

  test("holds its code once, and its types", ({ skip }) => {
    if (offline()) skip();
    const dist = join(folder, "node_modules", "tfjs-to-onnx", "dist");
    const files = readdirSync(dist, { recursive: true, encoding: "utf8" });
    const beside = files.filter((file) => !file.startsWith("bundle") && /\.[^.]+$/u.test(file));
    expect(beside.filter((file) => !file.endsWith(".d.ts"))).toEqual([]);
    expect(files).toEqual(
      expect.arrayContaining([
        "index.d.ts",
        "infer/index.d.ts",
        "verify/index.d.ts",
        "drop-in/index.d.ts",
        "train/index.d.ts",
      ]),
    );
    expect(files).toEqual(expect.arrayContaining(["bundle/bin.js", "bundle/bench-worker.js", "bundle/page/page.js"]));
  });

  test("imports as a library without onnxruntime and TensorFlow", ({ skip }) => {
    if (offline()) skip();
    const script = `
      import { exportModel, UnsupportedLayersError } from "tfjs-to-onnx";
      import { getRuntime, prepareImage } from "tfjs-to-onnx/infer";
      import { verifyExport } from "tfjs-to-onnx/verify";
      import { loadGraphModel, loadLayersModel } from "tfjs-to-onnx/drop-in";
      import { compileStep } from "tfjs-to-onnx/train";
      const library = [exportModel, UnsupportedLayersError, getRuntime, prepareImage, verifyExport];
      console.log(...[...library, loadGraphModel, loadLayersModel, compileStep].map((x) => typeof x));`;
    writeFileSync(join(folder, "import.js"), script);
    const { status, stdout } = run(process.execPath, ["import.js"], folder);
    expect([status, stdout.trim()]).toEqual([0, Array.from({ length: 8 }, () => "function").join(" ")]);
  });

  test("has one class of each error, whichever entry throws it", ({ skip }) => {
    if (offline()) skip();
    const script = `
      import { InferenceError, ToolError } from "tfjs-to-onnx";
      import * as infer from "tfjs-to-onnx/infer";
      import * as train from "tfjs-to-onnx/train";
      const runtime = await infer.getRuntime("node");
      const error = await runtime.load(new Uint8Array(3)).catch((caught) => caught);
      const same = [[InferenceError, infer.InferenceError], [ToolError, infer.ToolError], [infer.SetupError, train.SetupError]];
      console.log(
        error.name,
        error instanceof InferenceError && error instanceof ToolError,
        same.every(([one, other]) => one === other),
        Object.getPrototypeOf(train.TrainError) === ToolError,
      );`;
    writeFileSync(join(folder, "errors.js"), script);
    const { stdout, stderr } = run(process.execPath, ["errors.js"], folder);
    expect([stdout.trim(), stderr]).toEqual(["InferenceError true true true", ""]);
  });

  test("exports by its command line, and says that it could not verify without TF.js", ({ skip }) => {
    if (offline()) skip();
    const { status, stdout, stderr } = run(bin, ["export", shipped, "--out", "model.onnx", "--json"], folder);
    expect(stderr).toBe(
      "not verified: the packages @tensorflow/tfjs, @tensorflow/tfjs-backend-wasm and onnxruntime-node are not installed " +
        "(run: npm install --ignore-scripts @tensorflow/tfjs @tensorflow/tfjs-backend-wasm onnxruntime-node)\n",
    );
    expect(status).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ out: "model.onnx", kind: "layers", verified: null });
    expect(readFileSync(join(folder, "model.onnx")).length).toBeGreaterThan(1_000_000);
  });

  test("says what to install when a runtime is missing", ({ skip }) => {
    if (offline()) skip();
    const { status, stderr } = run(
      bin,
      ["infer", "--model", "model.onnx", "--dataset", "digits", "--limit", "5"],
      folder,
    );
    expect(stderr).toContain("npm install --ignore-scripts onnxruntime-node");
    expect(status).toBe(1);
  });

  test("says what training needs before it looks for images", ({ skip }) => {
    if (offline()) skip();
    const { status, stderr } = run(bin, ["train", "--out", "trained"], folder);
    expect(stderr).toMatch(
      /^error: the packages that train are not installed\nhint: run: npm install --ignore-scripts @/,
    );
    expect(status).toBe(1);
    expect(existsSync(join(folder, "trained"))).toBe(false);
  });

  test("says at once all that serving needs", ({ skip }) => {
    if (offline()) skip();
    const { status, stderr } = run(bin, ["serve", "model.onnx"], folder);
    expect(stderr).toContain("npm install --ignore-scripts fastify @grpc/grpc-js prom-client onnxruntime-node");
    expect(status).toBe(1);
  });

  test("infers once the runtimes are there", ({ skip }) => {
    if (offline()) skip();
    for (const name of ["onnxruntime-node", "onnxruntime-web", "onnxruntime-common"]) link(name);
    for (const runtime of ["node", "web"]) {
      const args = [
        "infer",
        "--model",
        "model.onnx",
        "--dataset",
        "digits",
        "--limit",
        "50",
        "--runtime",
        runtime,
        "--json",
      ];
      const { status, stdout } = run(bin, args, folder);
      expect(status).toBe(0);
      expect(JSON.parse(stdout)).toMatchObject({ dataset: "digits", images: 50, runtime });
    }
  });

  test("reads a plain PNG without sharp, and says what reads the others", ({ skip }) => {
    if (offline()) skip();
    expect(existsSync(join(folder, "node_modules", "sharp"))).toBe(false);
    const digit = renderedDigits({ split: "test", seed: 3, count: 1 });
    writeFileSync(join(folder, "digit.png"), encodeGreyPng(Uint8Array.from(digit.pixels(0)), 28, 28));
    writeFileSync(join(folder, "digit.jpg"), Uint8Array.of(0xff, 0xd8, 0xff));
    const plain = run(bin, ["infer", "digit.png", "--json"], folder);
    expect([plain.status, JSON.parse(plain.stdout)]).toMatchObject([0, { text: String(digit.labels[0]) }]);
    const other = run(bin, ["infer", "digit.jpg"], folder);
    expect(other.stderr).toContain("npm install --ignore-scripts sharp");
    expect(other.status).toBe(1);
  });

  test("does as a library what the README says", ({ skip }) => {
    if (offline()) skip();
    for (const name of ["onnxruntime-node", "onnxruntime-common", "sharp", "@img"]) link(name);
    link("@tensorflow/tfjs");
    link("@tensorflow/tfjs-backend-wasm");
    cpSync(shipped, join(folder, "my-model"), { recursive: true });
    writeFileSync(join(folder, "example.js"), readmeExample("As a library", "js"));
    const { status, stdout, stderr } = run(process.execPath, ["example.js"], folder);
    expect(stderr).toBe("");
    expect(status).toBe(0);
    expect(stdout).toMatch(/^20 nodes \[[^]*\nthe same numbers as TF.js\nFloat32Array\(10\) \[/);
  });

  test("prints in a terminal what the README shows", ({ skip }) => {
    if (offline()) skip();
    const session = readmeExample("Export, check, run", "console");
    for (const step of session.split("\n\n")) {
      const [line = "", ...expected] = step.trim().split("\n");
      const [, ...args] = line.replace("$ npx ", "").split(" ");
      // On a terminal both streams are read as one.
      const { stdout } = run("sh", ["-c", '"$@" 2>&1', "sh", bin, ...args], folder);
      expect(withoutMeasures(stdout)).toBe(withoutMeasures(expected.join("\n")));
    }
  }, 60_000);
});
