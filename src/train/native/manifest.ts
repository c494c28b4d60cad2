import { createHash } from "node:crypto";
import { createReadStream, readFileSync, statSync } from "node:fs";
import { open } from "node:fs/promises";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";

import { errorCode, errorText } from "./faults.ts";

/** One file of a folder in the cache. */
export interface ManifestFile {
  /** Path below the folder, with `/`. */
  readonly path: string;
  readonly bytes: number;
  readonly sha256: string;
}

/** What a folder in the cache must hold; written last, so a folder without one is not finished. */
export interface Manifest {
  /** What the folder was made from: a digest that its maker compares. */
  readonly origin: string;
  /** A note for people: the compiler that made it, for instance. */
  readonly note: string;
  readonly files: readonly ManifestFile[];
}

/** State of a folder in the cache, with what is wrong in words. */
export interface FolderState {
  readonly state: "ready" | "missing" | "damaged";
  readonly detail: string;
}

const MANIFEST = "manifest.json";

export async function writeManifest(folder: string, manifest: Manifest): Promise<void> {
  const file = await open(join(folder, MANIFEST), "w");
  try {
    await file.writeFile(`${JSON.stringify(manifest, null, 2)}\n`);
    await file.sync();
  } finally {
    await file.close();
  }
}

/** Compare a folder with its manifest by names and sizes: a few system calls, for each use. */
export function checkFolder(folder: string, origin: string): FolderState {
  try {
    const manifest = readManifest(folder);
    if (manifest === undefined) return damaged("its manifest cannot be read");
    if (manifest.origin !== origin) return damaged("its manifest names another origin");
    for (const { path, bytes } of manifest.files) {
      const size = statSync(join(folder, path), { throwIfNoEntry: false })?.size;
      if (size === undefined) return damaged(`${path} is missing`);
      if (size !== bytes) return damaged(`${path} has ${size} bytes instead of ${bytes}`);
    }
    return { state: "ready", detail: manifest.note };
  } catch (error) {
    if (errorCode(error) === "ENOENT") return { state: "missing", detail: "not set up" };
    return damaged(errorText(error));
  }
}

/** Compare a folder with its manifest to the last byte. */
export async function checkFolderDeeply(folder: string, origin: string): Promise<FolderState> {
  const cheap = checkFolder(folder, origin);
  if (cheap.state !== "ready") return cheap;
  const files = readManifest(folder)?.files ?? [];
  const found = await Promise.all(
    files.map(async ({ path, sha256 }) => ({ path, same: (await digestFile(join(folder, path))) === sha256 })),
  );
  const wrong = found.find(({ same }) => !same);
  return wrong === undefined ? cheap : damaged(`${wrong.path} does not have the digest it was made with`);
}

/** SHA-256 of a file, hexadecimal. */
export async function digestFile(path: string, signal?: AbortSignal): Promise<string> {
  const hash = createHash("sha256");
  const options = signal === undefined ? {} : { signal };
  await pipeline(createReadStream(path, { highWaterMark: 1 << 20 }), hash, options);
  return hash.digest("hex");
}

function damaged(detail: string): FolderState {
  return { state: "damaged", detail };
}

function readManifest(folder: string): Manifest | undefined {
  const text = readFileSync(join(folder, MANIFEST), "utf8");
  try {
    const value: unknown = JSON.parse(text);
    return isManifest(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

function isManifest(value: unknown): value is Manifest {
  if (typeof value !== "object" || value === null) return false;
  if (!("origin" in value && "note" in value && "files" in value)) return false;
  if (typeof value.origin !== "string" || typeof value.note !== "string" || !Array.isArray(value.files)) return false;
  return value.files.length > 0 && value.files.every(isManifestFile);
}

function isManifestFile(value: unknown): value is ManifestFile {
  if (typeof value !== "object" || value === null) return false;
  if (!("path" in value && "bytes" in value && "sha256" in value)) return false;
  return typeof value.path === "string" && typeof value.bytes === "number" && typeof value.sha256 === "string";
}
