import { readdir, stat } from "node:fs/promises";
import { join } from "node:path";

import { findBrowser } from "../node/browser/find-browser.ts";
import { cacheDir } from "../node/cache-dir.ts";
import { MNIST_FILES, findMnist } from "../node/datasets/mnist.ts";
import { ownCommand } from "../node/own-command.ts";
import {
  findCompiler,
  findDownloaders,
  findPackage,
  installPackages,
  installCommand,
  packageVersion,
  verifyNative,
  type NativeStatus,
} from "../train/native/index.ts";

/** What a check found. */
export interface Check {
  readonly name: string;
  readonly state: "ok" | "missing" | "damaged" | "unsupported";
  /** Whether export and infer need it. */
  readonly needed: boolean;
  /** What it is for. */
  readonly purpose: string;
  /** Version, place, or what is wrong. */
  readonly found: string;
  /** The command that fixes it; null when there is nothing to fix. */
  readonly fix: string | null;
}

const OLDEST_NODE = [20, 19];

/** Look at everything, each thing on its own: a fault of one does not hide the others. */
export async function runChecks(): Promise<readonly Check[]> {
  const [native, ortNode, ortWeb, ...rest] = await Promise.all([
    verifyNative(),
    checkOrtNode(),
    checkOrtWeb(),
    checkDownloaders(),
    checkCompiler(),
    checkSharp(),
    checkMnist(),
  ]);
  const [downloaders, compiler, sharp, mnist] = rest;
  return [
    checkNode(),
    ...withOneRuntime(ortNode, ortWeb),
    checkPackage("@tensorflow/tfjs", "check an export beside TF.js; infer --runtime tfjs"),
    checkPackage("@tensorflow/tfjs-backend-wasm", "TF.js at speed without native TensorFlow"),
    ...checkNative(native),
    ...setupNeeds(native, [downloaders, compiler]),
    sharp,
    mnist,
    checkChromium(),
  ];
}

/** Folder of the cache and the bytes in it. */
export async function measureCache(): Promise<{ readonly folder: string; readonly bytes: number }> {
  const folder = cacheDir();
  return { folder, bytes: await folderBytes(folder) };
}

/** Either runtime is enough to infer: the one that works is needed, and without any, the native one. */
function withOneRuntime(node: Check, web: Check): readonly Check[] {
  const webInstead = node.state !== "ok" && web.state === "ok";
  return [
    { ...node, needed: !webInstead },
    { ...web, needed: webInstead },
  ];
}

/** Pip and a compiler are only asked for while native TensorFlow is not set up. */
function setupNeeds(native: NativeStatus, checks: readonly Check[]): readonly Check[] {
  if (native.state !== "ready") return checks;
  return checks.map((check) =>
    check.state === "ok" ? check : { ...check, purpose: `${check.purpose} (done already)`, fix: null },
  );
}

function checkNode(): Check {
  const { node } = process.versions;
  const [major = 0, minor = 0] = node.split(".").map(Number);
  const [oldestMajor = 0, oldestMinor = 0] = OLDEST_NODE;
  const ok = major > oldestMajor || (major === oldestMajor && minor >= oldestMinor);
  const found = ok ? node : `${node}, expected ${OLDEST_NODE.join(".")} or newer`;
  const fix = ok ? null : "nvm install 22 (or install Node 22 or newer in another way)";
  return { name: "node", state: ok ? "ok" : "unsupported", needed: true, purpose: "everything", found, fix };
}

async function checkOrtNode(): Promise<Check> {
  const check = checkPackage("onnxruntime-node", "infer on this machine's processor");
  if (check.state !== "ok") return { ...check, fix: "npm install --ignore-scripts onnxruntime-node" };
  try {
    await import("onnxruntime-node");
    return check;
  } catch (error) {
    return {
      ...check,
      state: "damaged",
      found: `${check.found} does not load: ${firstLine(error)}`,
      fix: "npm install --ignore-scripts onnxruntime-node (on Linux it needs glibc), or infer --runtime web",
    };
  }
}

async function checkOrtWeb(): Promise<Check> {
  const check = checkPackage("onnxruntime-web", "infer --runtime web");
  const folder = findPackage("onnxruntime-web");
  if (folder === undefined) return check;
  const files = await readdir(join(folder, "dist")).catch(() => []);
  if (files.some((file) => file.endsWith(".wasm"))) return check;
  return {
    ...check,
    state: "damaged",
    found: `${check.found} has no .wasm file in its dist folder`,
    fix: "npm install --ignore-scripts --force onnxruntime-web",
  };
}

async function checkSharp(): Promise<Check> {
  const check = checkPackage("sharp", "read images that are not PNG, and train on them");
  if (check.state !== "ok") return check;
  try {
    await import("sharp");
    return check;
  } catch (error) {
    const fix = "npm install --include=optional sharp";
    return { ...check, state: "damaged", found: `${check.found} does not load: ${firstLine(error)}`, fix };
  }
}

function checkPackage(name: string, purpose: string): Check {
  const folder = findPackage(name);
  const common = { name, needed: false, purpose };
  return folder === undefined
    ? { ...common, state: "missing", found: "not installed", fix: `npm install --ignore-scripts ${name}` }
    : { ...common, state: "ok", found: packageVersion(folder), fix: null };
}

function checkNative(status: NativeStatus): readonly Check[] {
  const common = { needed: false, fix: status.hint?.replace(/^run: /, "") ?? null };
  if (status.state === "unavailable") {
    const state = findPackage("@tensorflow/tfjs-node") === undefined ? "missing" : "unsupported";
    return [{ ...common, name: "native tensorflow", state, purpose: "train", found: status.detail }];
  }
  const parts = [
    { name: "native tensorflow", purpose: "train", part: status.library },
    { name: "tfjs-node addon", purpose: "train", part: status.addon },
  ];
  return parts.map(({ name, purpose, part }) =>
    part.state === "ready"
      ? { name, purpose, needed: false, state: "ok", found: part.detail, fix: null }
      : { ...common, name, purpose, state: part.state, found: `${part.detail} (${part.folder ?? "nowhere"})` },
  );
}

async function checkDownloaders(): Promise<Check> {
  const found = await findDownloaders();
  const common = { name: "pip or uv", needed: false, purpose: "download native TensorFlow" };
  if (found.length === 0) return { ...common, state: "missing", found: "not found", fix: installCommand(["pip"]) };
  const names = found.map(({ name, version }) => `${name} ${version}`).join(", ");
  return { ...common, state: "ok", found: names, fix: null };
}

async function checkCompiler(): Promise<Check> {
  const found = await findCompiler();
  const needs = ["node-api-headers", "yauzl"].filter((name) => findPackage(name) === undefined);
  const common = { name: "c++ compiler", needed: false, purpose: "compile tfjs-node's addon" };
  if (found === undefined) {
    return { ...common, state: "missing", found: "not found", fix: installCommand(["compiler"]) };
  }
  if (needs.length === 0) return { ...common, state: "ok", found: found.version, fix: null };
  const packages = needs.length === 1 ? "the package" : "the packages";
  const lacks = `${found.version}, but ${packages} ${needs.join(" and ")} ${needs.length === 1 ? "is" : "are"} not installed`;
  return { ...common, state: "missing", found: lacks, fix: installPackages };
}

async function checkMnist(): Promise<Check> {
  const named = process.env["MNIST_DIR"];
  const folders = [...(named === undefined || named === "" ? [] : [named]), join(cacheDir(), "mnist")];
  const found = await Promise.all(folders.map((folder) => findMnist(folder, ["train", "test"], MNIST_FILES)));
  const whole = found.find(({ missing }) => missing.length === 0);
  const common = { name: "mnist", needed: false, purpose: "train and score on MNIST; else rendered digits" };
  return whole === undefined
    ? {
        ...common,
        state: "missing",
        found: `not in ${folders.join(" or ")}`,
        fix: `${ownCommand()} data mnist`,
      }
    : { ...common, state: "ok", found: whole.folder, fix: null };
}

function checkChromium(): Check {
  const common = { name: "chromium", needed: false, purpose: "infer --browser, tests in a browser" };
  try {
    const path = findBrowser();
    return path === undefined
      ? { ...common, state: "missing", found: "not found", fix: installCommand(["chromium"]) }
      : { ...common, state: "ok", found: path, fix: null };
  } catch (error) {
    return { ...common, state: "damaged", found: firstLine(error), fix: "unset CHROME_PATH" };
  }
}

async function folderBytes(folder: string): Promise<number> {
  const entries = await readdir(folder, { recursive: true }).catch(() => []);
  const sizes = await Promise.all(
    entries.map(async (entry) =>
      stat(join(folder, entry)).then(
        (found) => (found.isFile() ? found.size : 0),
        () => 0,
      ),
    ),
  );
  return sizes.reduce((sum, size) => sum + size, 0);
}

function firstLine(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  return text.split("\n")[0] ?? text;
}
