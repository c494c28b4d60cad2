import { readdir } from "node:fs/promises";
import { basename, dirname, extname, join } from "node:path";

import { nearest } from "../options.ts";

/** The path with the same extension beside one that does not exist, from which it differs by a slip or two; null without any. */
export async function nearPath(path: string): Promise<string | null> {
  const folder = dirname(path);
  const names = await readdir(folder).catch(() => null);
  const near = nearest(
    basename(path),
    (names ?? []).filter((name) => extname(name) === extname(path)),
  );
  return near === null ? null : join(folder, near);
}
