import Module, { createRequire } from "node:module";
import { join } from "node:path";
import util from "node:util";

import { SetupError } from "../../errors.ts";

import { addonName } from "./compile.ts";
import type { SetupListener } from "./events.ts";
import { errorCode, errorText } from "./faults.ts";
import { planNative, type NativePlan } from "./plan.ts";
import { setUpNative } from "./set-up.ts";
import { nativeStatus } from "./status.ts";

/** The namespace of `@tensorflow/tfjs-node`. */
export type TensorFlow = typeof import("@tensorflow/tfjs-node/dist/index.js");

/** How native TensorFlow is loaded. */
export interface LoadOptions {
  /** Set native TensorFlow up when it is missing or damaged (`auto`, the default), or throw (`never`). */
  readonly install?: "auto" | "never";
  /** Told of the set-up, if there is one. */
  readonly listener?: SetupListener;
  readonly signal?: AbortSignal | undefined;
}

let loaded: Promise<TensorFlow> | undefined;

/**
 * TensorFlow.js on its native backend. Loaded once; later calls return the same namespace.
 *
 * @throws {SetupError} when it is not at hand and cannot be (or, with `never`, may not be) set up.
 */
export async function loadTensorFlow(options: LoadOptions = {}): Promise<TensorFlow> {
  loaded ??= load(options);
  try {
    return await loaded;
  } catch (error) {
    loaded = undefined;
    throw error;
  }
}

async function load(options: LoadOptions): Promise<TensorFlow> {
  const plan = planNative();
  if (options.install === "never") assertReady();
  else await setUpNative(plan, options);
  process.env["TF_CPP_MIN_LOG_LEVEL"] ??= "2";
  await openAddon(plan, options);
  const tf = importTfjsNode(plan);
  await tf.ready();
  if (!(await tf.setBackend("tensorflow"))) {
    throw new SetupError("tfjs-node was loaded, but its native backend does not start", {
      hint: "run: tfjs-to-onnx doctor",
    });
  }
  return tf;
}

function assertReady(): void {
  const { state, detail, hint } = nativeStatus();
  if (state === "ready") return;
  throw new SetupError(`native TensorFlow is not set up: ${detail}`, hint === undefined ? {} : { hint });
}

/** Load the addon on its own first, because only then is it known whose fault a failure is. */
async function openAddon(plan: NativePlan, options: LoadOptions): Promise<void> {
  try {
    requireAddon(plan);
  } catch (error) {
    if (errorCode(error) !== "ERR_DLOPEN_FAILED") throw error;
    if (options.install === "never") throw doesNotLoad(plan, error);
    // Compiled on another machine that shares this cache, or damaged without a change of size.
    await setUpNative(plan, { ...options, deep: true, recompile: true });
    reopenAddon(plan);
  }
}

function reopenAddon(plan: NativePlan): void {
  try {
    requireAddon(plan);
  } catch (error) {
    throw doesNotLoad(plan, error);
  }
}

function doesNotLoad(plan: NativePlan, error: unknown): SetupError {
  return new SetupError(`native TensorFlow in ${plan.root} cannot be loaded: ${errorText(error)}`, {
    hint: "run: tfjs-to-onnx setup",
    cause: error,
  });
}

function requireAddon(plan: NativePlan): void {
  createRequire(import.meta.url)(join(plan.addon, addonName));
}

/**
 * Import tfjs-node with the addon from the cache. It asks `@mapbox/node-pre-gyp` where its addon is, which only knows a
 * place inside node_modules; while it is imported, another answer stands in for that package.
 */
function importTfjsNode(plan: NativePlan): TensorFlow {
  restoreOldUtilities();
  const require = createRequire(join(plan.tfjsNode, "package.json"));
  const finder = require.resolve("@mapbox/node-pre-gyp");
  const before = require.cache[finder];
  const standIn = new Module(finder);
  standIn.loaded = true;
  standIn.exports = { find: (): string => join(plan.addon, addonName) };
  require.cache[finder] = standIn;
  try {
    const tf: unknown = require(plan.tfjsNode);
    if (isTensorFlow(tf)) return tf;
    throw new SetupError(`${plan.tfjsNode} is not TensorFlow.js`, { hint: "run: npm ci" });
  } finally {
    if (before === undefined) delete require.cache[finder];
    else require.cache[finder] = before;
  }
}

/**
 * tfjs-node 4.22 calls functions of `node:util` that Node 23 removed (`isNullOrUndefined`, tensorflow/tfjs#8609) or that
 * newer versions warn of (`isArray`).
 */
function restoreOldUtilities(): void {
  Object.assign(util, {
    isNullOrUndefined: (value: unknown): boolean => value === undefined || value === null,
    isArray: (value: unknown): boolean => Array.isArray(value),
  });
}

function isTensorFlow(value: unknown): value is TensorFlow {
  return typeof value === "object" && value !== null && "setBackend" in value && "node" in value;
}
