import { readFile, stat } from "node:fs/promises";

/**
 * The bytes of a file, or of a pipe to its end. A device, which may have none, is not read.
 *
 * @throws {Error} what `readFile` throws, or that it is not a file
 */
export async function readWhole(path: string): Promise<Buffer> {
  const found = await stat(path);
  if (found.isCharacterDevice() || found.isBlockDevice()) throw new Error("it is not a file");
  return readFile(path);
}
