import type { Dirent } from "node:fs";
import { opendir, realpath, stat } from "node:fs/promises";

import { fileFault } from "./file-fault.ts";
import type { Listed } from "./list-entry.ts";

/** Names of what `decodeImage` reads; others in a folder are passed over, as its other files are. */
const PICTURE = /\.(?:png|jpe?g|jfif|webp|gif|tiff?|avif)$/i;
const NO_PICTURES = "no pictures in this folder: PNG, JPEG, WebP, GIF, TIFF and AVIF are looked for";

/**
 * Files that arguments name, in order: files as they are; of folders, at any depth, the pictures, sorted by path; globs
 * likewise; `-` for what `list` gives. Hidden files are left out, links are followed. Only the names of one folder (and
 * of those around it) are held at a time. A name that matches nothing comes back with its fault, so does an empty folder.
 */
export async function* pictureFiles(inputs: readonly string[], list: AsyncIterable<Listed>): AsyncGenerator<Listed> {
  for (const input of inputs) {
    if (input === "-") yield* list;
    else yield* expanded(input);
  }
}

async function* expanded(input: string): AsyncGenerator<Listed> {
  const found = await stat(input).catch(() => null);
  if (found?.isDirectory() === true) {
    yield* orElse(walk(input, input, PICTURES, []), { input, error: NO_PICTURES });
  } else if (found === null && (await importPicomatch()).scan(posix(input)).isGlob) {
    yield* globbed(input);
  } else {
    yield { input };
  }
}

type Picomatch = typeof import("picomatch");

/** Few command lines hold a glob. */
async function importPicomatch(): Promise<Picomatch> {
  return (await import("picomatch")).default;
}

async function* globbed(pattern: string): AsyncGenerator<Listed> {
  const picomatch = await importPicomatch();
  const { base, glob } = picomatch.scan(posix(pattern), { unescape: true });
  const folder = base === "" ? "." : base;
  const none: Listed = { input: pattern, error: "no file matches this pattern" };
  if (glob !== "" && !glob.endsWith("/") && (await leadsToFolder(folder)))
    yield* orElse(walk(folder, base, globFilter(picomatch, glob), []), none);
  else yield none;
}

async function* orElse(files: AsyncIterable<Listed>, otherwise: Listed): AsyncGenerator<Listed> {
  let some = false;
  for await (const file of files) {
    some = true;
    yield file;
  }
  if (!some) yield otherwise;
}

/** Which files of a folder are wanted, by their path below it, and which folders to look into. */
interface Filter {
  wants(path: string): boolean;
  enters(path: string): boolean;
}

const PICTURES: Filter = {
  wants: (path) => !isHidden(path) && PICTURE.test(path),
  enters: (path) => !isHidden(path),
};

function isHidden(path: string): boolean {
  return path.startsWith(".", path.lastIndexOf("/") + 1);
}

/** Brackets as in a shell: `[!0-3]` and `[[:digit:]]`. */
const POSIX = { posix: true };

/** Folders that no match can lie in are not entered. */
function globFilter(picomatch: Picomatch, glob: string): Filter {
  const matches = picomatch(glob, POSIX);
  const namesHidden = /(?:^|\/)\./.test(glob);
  const parts = glob.split("/");
  const plain = !/[{(]/.test(glob);
  const steps = plain ? parts.map((part) => picomatch(part, POSIX)) : [];
  const deep = parts.findIndex((part) => part.includes("**"));
  return {
    wants: (path) => (namesHidden || !isHidden(path)) && matches(path),
    enters(path) {
      const depth = path.split("/").length - 1;
      if (isHidden(path) && !namesHidden) return false;
      if (deep !== -1 && (!plain || depth >= deep)) return true;
      if (depth >= parts.length - 1) return false;
      return !plain || steps[depth]?.(path.slice(path.lastIndexOf("/") + 1)) === true;
    },
  };
}

interface Entry {
  readonly name: string;
  readonly kind: "folder" | "file" | "other";
}

/** Files below `folder`, shown below `shown`; sorted as their whole paths would be. `around` are real paths of folders above. */
async function* walk(
  folder: string,
  shown: string,
  filter: Filter,
  around: readonly string[],
  below = "",
): AsyncGenerator<Listed> {
  const found = await entriesOf(folder, filter, below).catch((cause: unknown) => cause);
  if (!Array.isArray(found)) {
    yield { input: shown === "" ? folder : shown, error: fileFault(found) };
    return;
  }
  const real = await realpath(folder);
  if (around.includes(real)) return;
  const entries: readonly Entry[] = found;
  for (const { name, kind } of entries) {
    const path = joined(shown, name);
    if (kind === "folder") yield* walk(joined(folder, name), path, filter, [...around, real], `${below}${name}/`);
    else if (kind === "file") yield { input: path };
    else yield { input: path, error: "cannot be read: it is not a file" };
  }
}

/** What a folder holds that is wanted, folders sorted as if their names ended in a slash. */
async function entriesOf(folder: string, filter: Filter, below: string): Promise<Entry[]> {
  const entries: Entry[] = [];
  for await (const entry of await opendir(folder, { bufferSize: 512 })) {
    const { name } = entry;
    const kind = kindOf(entry.isSymbolicLink() ? await stat(joined(folder, name)).catch(() => null) : entry);
    const path = below + name;
    if (kind === "folder" ? filter.enters(path) : filter.wants(path)) entries.push({ name, kind });
  }
  const key = ({ name, kind }: Entry): string => (kind === "folder" ? `${name}/` : name);
  return entries.toSorted((a, b) => (key(a) < key(b) ? -1 : 1));
}

/** A broken link counts as a file: reading it says what is wrong. A pipe that lies about may never have a writer. */
function kindOf(found: Pick<Dirent, "isDirectory" | "isFile"> | null): Entry["kind"] {
  if (found?.isDirectory() === true) return "folder";
  return found?.isFile() === false ? "other" : "file";
}

async function leadsToFolder(path: string): Promise<boolean> {
  return stat(path).then(
    (found) => found.isDirectory(),
    () => false,
  );
}

function joined(folder: string, name: string): string {
  return folder === "" || folder.endsWith("/") ? folder + name : `${folder}/${name}`;
}

function posix(path: string): string {
  return process.platform === "win32" ? path.replaceAll("\\", "/") : path;
}
