import { randomUUID } from "node:crypto";
import { existsSync } from "node:fs";
import { access, mkdir, mkdtemp, readdir, rename, rm, stat, statfs } from "node:fs/promises";
import { join } from "node:path";

import { SetupError } from "../../errors.ts";

import { addonName, compileAddon, findCompiler, type Compiler } from "./compile.ts";
import { assertPinned, downloadWheel, findDownloaders, type Downloader } from "./download.ts";
import type { SetupListener } from "./events.ts";
import { explainCacheFault, megabytes } from "./faults.ts";
import { withLock } from "./lock.ts";
import { checkFolder, checkFolderDeeply, digestFile, writeManifest } from "./manifest.ts";
import { installCommand, nameNeed, type Need, thisMachine } from "./install-command.ts";
import { findPackage, installPackages, type NativePlan } from "./plan.ts";
import { lastLines, runProgram } from "./programs.ts";
import type { Environment } from "../../node/environment.ts";

/** How native TensorFlow is set up. */
export interface SetUpOptions {
  readonly listener?: SetupListener;
  /** Ends the set-up: programs it started are stopped and what is half-made is removed. */
  readonly signal?: AbortSignal | undefined;
  /** Check what is there to the last byte instead of by sizes. */
  readonly deep?: boolean;
  /** Compile the addon again even when it is there. */
  readonly recompile?: boolean;
}

/** What a set-up had to do. */
export interface SetUpResult {
  readonly downloaded: boolean;
  readonly unpacked: boolean;
  readonly compiled: boolean;
}

const NOTHING_DONE: SetUpResult = { downloaded: false, unpacked: false, compiled: false };

const SPARE_BYTES = 20e6;

const WORKSPACE = "work-";

interface Work {
  readonly plan: NativePlan;
  readonly listener: SetupListener;
  readonly signal: AbortSignal | undefined;
  /** A folder of our own below the plan's root, removed in the end. */
  readonly folder: string;
}

interface Missing {
  readonly library: boolean;
  readonly addon: boolean;
}

/**
 * Make native TensorFlow ready in the cache, or do nothing when it is. Each part is built in a folder of its own and put
 * in place by one rename, so a part is there whole or not at all, whatever happens to this process.
 *
 * @throws {SetupError} naming what this machine lacks, with the command that installs it.
 */
export async function setUpNative(plan: NativePlan, options: SetUpOptions = {}): Promise<SetUpResult> {
  const missing = await findMissing(plan, options);
  if (!missing.library && !missing.addon) return NOTHING_DONE;
  const listener = options.listener ?? ((): void => undefined);
  await assertPrograms(plan, missing);
  try {
    await mkdir(plan.root, { recursive: true });
    const onWait = (): void => listener({ kind: "stage", stage: "wait", text: "waiting for another set-up to end" });
    return await withLock(join(plan.root, "lock"), { signal: options.signal, onWait }, async () => {
      await sweep(plan.root);
      // Another process may have made them while this one waited.
      const still = await findMissing(plan, options);
      const folder = await makeWorkspace(plan.root);
      try {
        return await build({ plan, listener, signal: options.signal, folder }, still);
      } finally {
        await rm(folder, { recursive: true, force: true, maxRetries: 3 });
      }
    });
  } catch (error) {
    if (options.signal?.aborted === true) {
      throw new SetupError("the set-up of native TensorFlow was interrupted; nothing half-made was kept", {
        hint: "run it again: tfjs-to-onnx setup",
        cause: error,
      });
    }
    throw explainCacheFault(error, plan.root);
  }
}

async function findMissing(plan: NativePlan, options: SetUpOptions): Promise<Missing> {
  const check = options.deep === true ? checkFolderDeeply : checkFolder;
  const [library, addon] = await Promise.all([
    check(plan.library, plan.pin.sha256),
    checkFolderDeeply(plan.addon, plan.addonOrigin),
  ]);
  return { library: library.state !== "ready", addon: addon.state !== "ready" || options.recompile === true };
}

/** Name everything that is missing before the first byte is downloaded. */
async function assertPrograms(plan: NativePlan, missing: Missing): Promise<void> {
  const [downloaders, compiler] = await Promise.all([
    missing.library && plan.wheel === undefined ? findDownloaders(plan.env) : undefined,
    missing.addon ? findCompiler(plan.env) : undefined,
  ]);
  const own = plan.env["CXX"]?.trim() ?? "";
  if (missing.addon && compiler === undefined && own !== "") {
    throw new SetupError(`the compiler named in CXX does not run: ${own}`, {
      hint: `unset CXX, or set it to a C++ compiler; to install one: ${installCommand(["compiler"], thisMachine(plan.env))}`,
    });
  }
  const needs: Need[] = [];
  if (downloaders?.length === 0) needs.push("pip");
  if (missing.addon && compiler === undefined) needs.push("compiler");
  if (needs.length > 0) {
    throw new SetupError(`native TensorFlow needs ${needs.map(nameNeed).join(", and ")}: not found`, {
      hint: `run: ${installCommand(needs, thisMachine(plan.env))}`,
    });
  }
  const packages = [missing.library ? "yauzl" : undefined, missing.addon ? "node-api-headers" : undefined];
  const absent = packages.filter((name) => name !== undefined && findPackage(name) === undefined);
  if (absent.length > 0) {
    throw new SetupError(`native TensorFlow needs the package ${absent.join(" and ")}: not installed`, {
      hint: `run: ${installPackages}`,
    });
  }
}

async function makeWorkspace(root: string): Promise<string> {
  const folder = join(root, `${WORKSPACE}${randomUUID()}`);
  await mkdir(folder);
  return folder;
}

/** Remove what processes that were killed have left. */
async function sweep(root: string): Promise<void> {
  const entries = await readdir(root);
  const left = entries.filter((name) => name.startsWith(WORKSPACE) || name.startsWith("lock."));
  await Promise.all(left.map((name) => rm(join(root, name), { recursive: true, force: true, maxRetries: 3 })));
}

async function build(work: Work, missing: Missing): Promise<SetUpResult> {
  if (missing.library) await installLibrary(work);
  if (missing.addon) await installAddon(work);
  return {
    downloaded: missing.library && work.plan.wheel === undefined,
    unpacked: missing.library,
    compiled: missing.addon,
  };
}

async function installLibrary(work: Work): Promise<void> {
  const { plan, listener, signal } = work;
  await discard(work, plan.library);
  await assertSpace(plan);
  const wheel = await obtainWheel(work);
  const text = `unpacking TensorFlow's libraries (${megabytes(plan.pin.unpackedBytes)})`;
  listener({ kind: "stage", stage: "unpack", text });
  const { unpackWheel } = await import("./unpack.ts");
  const made = join(work.folder, "library");
  await mkdir(made);
  const files = await unpackWheel(plan.pin, wheel, made, { listener, signal });
  const note = `TensorFlow ${plan.pin.version} for ${plan.pin.target}, from ${plan.pin.project}'s wheel`;
  await writeManifest(made, { origin: plan.pin.sha256, note, files });
  await rename(made, plan.library);
  if (plan.wheel === undefined) await rm(wheel, { force: true });
}

async function obtainWheel({ plan, listener, signal, folder }: Work): Promise<string> {
  if (plan.wheel !== undefined) {
    await assertReadable(plan.wheel);
    listener({ kind: "stage", stage: "verify", text: `checking ${plan.wheel}` });
    await assertPinned(plan.pin, plan.wheel, signal);
    return plan.wheel;
  }
  const downloaders: readonly Downloader[] = await findDownloaders(plan.env);
  const target = join(folder, "download");
  await mkdir(target);
  return downloadWheel(plan.pin, target, downloaders, { env: plan.env, listener, signal });
}

async function assertReadable(wheel: string): Promise<void> {
  try {
    if ((await stat(wheel)).isFile()) return await access(wheel);
  } catch {
    // Said below.
  }
  throw new SetupError(`TFJS_TO_ONNX_TENSORFLOW_WHEEL names ${wheel}, which is not a file that can be read`, {
    hint: "set it to the path of the wheel, or unset it to download",
  });
}

async function assertSpace(plan: NativePlan): Promise<void> {
  const { bytes, unpackedBytes } = plan.pin;
  // pip holds the wheel twice when it puts it in its place.
  const needed = SPARE_BYTES + (plan.wheel === undefined ? Math.max(2 * bytes, bytes + unpackedBytes) : unpackedBytes);
  const { bavail, bsize } = await statfs(plan.root);
  const free = bavail * bsize;
  if (free >= needed) return;
  throw new SetupError(
    `native TensorFlow needs ${megabytes(needed)} on the disk of ${plan.root}, which has ${megabytes(free)} free`,
    { hint: "free some space, or set TFJS_TO_ONNX_CACHE to a folder on a larger disk" },
  );
}

async function installAddon(work: Work): Promise<void> {
  const { plan, listener, signal } = work;
  const compiler = await findCompiler(plan.env);
  const nodeApi = findPackage("node-api-headers");
  if (compiler === undefined || nodeApi === undefined) throw new SetupError(nameNeed("compiler"));
  listener({ kind: "stage", stage: "compile", text: `compiling tfjs-node's addon with ${compiler.version}` });
  const scratch = join(work.folder, "addon");
  await mkdir(scratch);
  const addon = await compileAddon({
    pin: plan.pin,
    compiler,
    tfjsNode: plan.tfjsNode,
    nodeApi: join(nodeApi, "include"),
    library: plan.library,
    folder: scratch,
    env: plan.env,
    signal,
  });
  await placeAddon(work, addon, compiler);
}

/** Move a compiled addon to its place, once it was seen to load from a folder beside TensorFlow's libraries. */
async function placeAddon(work: Work, addon: string, compiler: Compiler): Promise<void> {
  const { plan, listener, signal } = work;
  listener({ kind: "stage", stage: "try", text: "loading it once" });
  const made = await makeWorkspace(plan.root);
  try {
    const file = join(made, addonName);
    await rename(addon, file);
    await assertLoads(file, plan.env, signal);
    const { size } = await stat(file);
    const files = [{ path: addonName, bytes: size, sha256: await digestFile(file, signal) }];
    await writeManifest(made, { origin: plan.addonOrigin, note: `compiled by ${compiler.version}`, files });
    await discard(work, plan.addon);
    await rename(made, plan.addon);
  } finally {
    await rm(made, { recursive: true, force: true });
  }
}

/** Load an addon in another process, which may die of it. */
async function assertLoads(addon: string, env: Environment, signal: AbortSignal | undefined): Promise<void> {
  const script = "process.dlopen({ exports: {} }, process.argv[1])";
  const command = [process.execPath, "-e", script, addon];
  const result = await runProgram(command, { env: { TF_CPP_MIN_LOG_LEVEL: "2", ...env }, signal });
  if (result.ok) return;
  if (result.signal === "SIGILL") {
    throw new SetupError("this processor lacks instructions (AVX) that TensorFlow's libraries are made of", {
      hint: "use a machine with a processor of 2013 or later; export, infer, verify and inspect work without it",
    });
  }
  const lines = result.output.split("\n").filter((line) => line.includes("Error"));
  const said = lastLines(lines.length > 0 ? lines.slice(0, 2).join("\n") : result.output, 4);
  throw new SetupError(`tfjs-node's addon was compiled but does not load (${result.ending}):\n${said}`, {
    hint: "run tfjs-to-onnx doctor; a cache folder mounted noexec must be changed by TFJS_TO_ONNX_CACHE",
  });
}

/** Take a folder out of its place, then remove it: processes that use it keep what they have open. */
async function discard(work: Work, folder: string): Promise<void> {
  if (!existsSync(folder)) return;
  const away = await mkdtemp(join(work.folder, "old-"));
  await rename(folder, join(away, "old"));
  await rm(away, { recursive: true, force: true });
}
