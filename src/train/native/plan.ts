import { createHash } from "node:crypto";
import { existsSync, readFileSync, readdirSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";

import { SetupError } from "../../errors.ts";
import { cacheDir } from "../../node/cache-dir.ts";

import { compileFlags } from "./compile.ts";
import type { TensorFlowPin } from "./pins.ts";
import { pinFor, thisHost } from "./platform.ts";
import { quietLog } from "./quiet-log.ts";
import type { Environment } from "../../node/environment.ts";

/** The version of `@tensorflow/tfjs-node` whose sources are compiled. */
export const tfjsNodeVersion = "4.22.0";

/** The command that installs the packages that training needs, without their install scripts. */
export const installPackages: string = `npm install --ignore-scripts @tensorflow/tfjs-node@${tfjsNodeVersion} node-api-headers yauzl`;

/** What is to be set up, from what, and where. */
export interface NativePlan {
  readonly pin: TensorFlowPin;
  /** Folder of everything native in the cache. */
  readonly root: string;
  /** Folder of TensorFlow's libraries and headers, below `root`. */
  readonly library: string;
  /** Folder of the compiled addon, below `root`; its name holds the digest of what it is compiled from. */
  readonly addon: string;
  /** That digest. */
  readonly addonOrigin: string;
  /** Folder of the package `@tensorflow/tfjs-node`. */
  readonly tfjsNode: string;
  /** A wheel the user has already (`$TFJS_TO_ONNX_TENSORFLOW_WHEEL`), instead of a download. */
  readonly wheel: string | undefined;
  readonly env: Environment;
}

/** Parts of a plan that a caller may set. */
export interface PlanParts {
  readonly pin: TensorFlowPin;
  readonly root: string;
  readonly tfjsNode: string;
  readonly env: Environment;
}

/**
 * The plan for this machine, without touching the cache.
 *
 * @throws {SetupError} when this machine cannot have native TensorFlow or the package tfjs-node is not installed.
 */
export function planNative(env: Environment = process.env): NativePlan {
  const pin = pinFor(thisHost());
  if ("reason" in pin) throw new SetupError(pin.reason, { hint: pin.hint });
  return makePlan({ pin, root: join(cacheDir(env), "tensorflow"), tfjsNode: findTfjsNode(), env });
}

export function makePlan({ pin, root, tfjsNode, env }: PlanParts): NativePlan {
  const addonOrigin = digestSources(pin, tfjsNode);
  const wheel = env["TFJS_TO_ONNX_TENSORFLOW_WHEEL"];
  const key = `${pin.version}-${pin.target}`;
  return {
    pin,
    root,
    library: join(root, `library-${key}`),
    addon: join(root, `addon-${key}-${addonOrigin.slice(0, 12)}`),
    addonOrigin,
    tfjsNode,
    wheel: wheel === "" ? undefined : wheel,
    env,
  };
}

/** Folder of an installed package, if it is; found by its place, because many hide their package.json. */
export function findPackage(name: string): string | undefined {
  const folders = createRequire(import.meta.url).resolve.paths(name) ?? [];
  return folders.map((folder) => join(folder, name)).find((folder) => existsSync(join(folder, "package.json")));
}

/** Version in a package's own package.json. */
export function packageVersion(folder: string): string {
  const manifest: unknown = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
  return typeof manifest === "object" && manifest !== null && "version" in manifest
    ? String(manifest.version)
    : "unknown";
}

function findTfjsNode(): string {
  const folder = findPackage("@tensorflow/tfjs-node");
  if (folder === undefined) {
    throw new SetupError("the package @tensorflow/tfjs-node is not installed", { hint: `run: ${installPackages}` });
  }
  const version = packageVersion(folder);
  if (version !== tfjsNodeVersion) {
    throw new SetupError(`@tensorflow/tfjs-node is ${version}, expected ${tfjsNodeVersion}`, {
      hint: `run: ${installPackages}`,
    });
  }
  return folder;
}

/** Digest of all that decides what comes out of the compiler. */
function digestSources(pin: TensorFlowPin, tfjsNode: string): string {
  const hash = createHash("sha256").update(JSON.stringify([pin.sha256, compileFlags]));
  hash.update(quietLog);
  const binding = join(tfjsNode, "binding");
  for (const name of readdirSync(binding).toSorted()) {
    hash.update(`\n${name}\n`).update(readFileSync(join(binding, name)));
  }
  return hash.digest("hex");
}
