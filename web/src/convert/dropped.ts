import { ModelFormatError } from "../../../src/errors.ts";

import type { GivenFile } from "./messages.ts";

/** A model has a model.json and its shards; a folder with more files than this is another folder. */
const MOST_FILES = 20_000;

/** Files chosen by a button; within a folder by their paths there. */
export function chosenFiles(list: FileList): readonly GivenFile[] {
  expectFew(list.length);
  return Array.from(list, (file) => ({ file, path: file.webkitRelativePath || file.name }));
}

/**
 * Files that were dropped or pasted, those of dropped folders included. Call it within the event: later the browser gives
 * nothing.
 *
 * @throws {ModelFormatError} when there are no files, or far too many.
 */
export async function droppedFiles(transfer: DataTransfer): Promise<readonly GivenFile[]> {
  const entries = Array.from(transfer.items, (item) => (item.kind === "file" ? item.webkitGetAsEntry() : null));
  const loose = Array.from(transfer.files);
  const found: GivenFile[] = [];
  for (const entry of entries) if (entry !== null) await collect(entry, found);
  const files = found.length > 0 ? found : loose.map((file) => ({ file, path: file.name }));
  if (files.length > 0) return files;
  throw new ModelFormatError("there are no files in what was dropped", {
    hint: "drop the model.json with its weight files, their folder, or a zip of them",
  });
}

async function collect(entry: FileSystemEntry, found: GivenFile[]): Promise<void> {
  expectFew(found.length);
  if (isFile(entry)) {
    const file = await new Promise<File>((resolve, reject) => {
      entry.file(resolve, reject);
    });
    found.push({ file, path: entry.fullPath.replace(/^\//u, "") });
  } else if (isFolder(entry) && !/^(\.git|node_modules)$/u.test(entry.name)) {
    for (const inner of await entriesOf(entry)) await collect(inner, found);
  }
}

/** A reader gives some entries at a time (Chromium: 100), and none at the end. */
async function entriesOf(folder: FileSystemDirectoryEntry): Promise<readonly FileSystemEntry[]> {
  const reader = folder.createReader();
  const all: FileSystemEntry[] = [];
  for (;;) {
    const some = await new Promise<readonly FileSystemEntry[]>((resolve, reject) => {
      reader.readEntries(resolve, reject);
    });
    if (some.length === 0) return all;
    all.push(...some);
    expectFew(all.length);
  }
}

function isFile(entry: FileSystemEntry): entry is FileSystemFileEntry {
  return entry.isFile;
}

function isFolder(entry: FileSystemEntry): entry is FileSystemDirectoryEntry {
  return entry.isDirectory;
}

function expectFew(count: number): void {
  if (count <= MOST_FILES) return;
  throw new ModelFormatError(`there are more than ${MOST_FILES} files in the folder`, {
    hint: "choose the folder that holds the model.json",
  });
}
