import { readdir, readFile, rm, stat, utimes } from "node:fs/promises";
import { join } from "node:path";

import type { CacheOptions } from "../../drop-in/options.ts";
import type { ModelStore } from "../../drop-in/surroundings.ts";
import { cacheDir } from "../cache-dir.ts";
import { codeOf } from "../error-code.ts";
import { unwritable, removeLeftovers, writeAside } from "../write-aside.ts";

const SUFFIX = ".kept";

/**
 * Models kept as files of one folder, named by their keys. A file is written aside and renamed, so that other processes see it whole or not at all;
 * its time of modification is that of its last use.
 */
export function openFileStore({ folder = join(cacheDir(), "drop-in") }: CacheOptions): ModelStore {
  const fileOf = (key: string): string => join(folder, `${key}${SUFFIX}`);
  return {
    async get(key) {
      try {
        const bytes = await readFile(fileOf(key));
        const now = new Date();
        // A folder that can only be read still serves; then the file counts as old.
        await utimes(fileOf(key), now, now).catch(() => undefined);
        return bytes;
      } catch (error) {
        if (codeOf(error) === "ENOENT" || codeOf(error) === "ENOTDIR") return null;
        throw error;
      }
    },
    async put(key, bytes, maxBytes) {
      await removeLeftovers(folder);
      await writeAside(fileOf(key), bytes);
      await removeOldest(folder, fileOf(key), maxBytes);
    },
    async delete(key) {
      await rm(fileOf(key), { force: true });
    },
    async clear() {
      for (const { path } of await keptFiles(folder)) await removed(path);
    },
  };
}

async function removed(path: string): Promise<void> {
  try {
    await rm(path, { force: true });
  } catch (cause) {
    throw unwritable(path, cause);
  }
}

interface KeptFile {
  readonly path: string;
  readonly byteLength: number;
  readonly usedMs: number;
}

async function keptFiles(folder: string): Promise<KeptFile[]> {
  const names = await readdir(folder).catch(() => []);
  const files = await Promise.all(
    names
      .filter((name) => name.endsWith(SUFFIX))
      .map(async (name): Promise<KeptFile[]> => {
        const path = join(folder, name);
        // Another process may have removed it.
        const found = await stat(path).catch(() => null);
        return found === null ? [] : [{ path, byteLength: found.size, usedMs: found.mtimeMs }];
      }),
  );
  return files.flat();
}

/** Remove the least recently used files, but not the newest, until all have `maxBytes` at most. */
async function removeOldest(folder: string, newest: string, maxBytes: number): Promise<void> {
  const files = await keptFiles(folder);
  let total = files.reduce((sum, { byteLength }) => sum + byteLength, 0);
  for (const { path, byteLength } of files.toSorted((a, b) => a.usedMs - b.usedMs)) {
    if (total <= maxBytes) return;
    if (path === newest) continue;
    await rm(path, { force: true });
    total -= byteLength;
  }
}
