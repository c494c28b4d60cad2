import { ModelFormatError } from "../../../src/errors.ts";
import type { ModelFile } from "../../../src/export/source/files.ts";

/** Weights hardly shrink in a zip; what grows a thousandfold is there to fill the memory. */
const MOST_GROWTH = 1000;

/**
 * The files of a zip, by its directory alone: each is unpacked when it is read, and checked against its CRC-32.
 *
 * @throws {ModelFormatError} when it is no zip, or cut short.
 */
export async function openZip(zip: File): Promise<readonly ModelFile[]> {
  const { BlobReader, Uint8ArrayWriter, ZipReader, configure } = await import("@zip.js/zip.js");
  configure({ useWebWorkers: false });
  const unpacking = async <Result>(what: string, task: () => Promise<Result>): Promise<Result> => {
    try {
      return await task();
    } catch (cause) {
      const reason = cause instanceof Error ? cause.message : String(cause);
      throw new ModelFormatError(`${what} cannot be unpacked: ${reason}`, {
        hint: "the zip is damaged, cut short or locked by a password; download it again, or unpack it and choose its folder",
        cause,
      });
    }
  };
  const entries = await unpacking(zip.name, () => new ZipReader(new BlobReader(zip)).getEntries());
  return entries.flatMap((entry): ModelFile[] => {
    if (entry.directory || entry.filename.startsWith("__MACOSX/")) return [];
    const { filename: path, uncompressedSize: size, compressedSize } = entry;
    const bytes = (): Promise<Uint8Array<ArrayBuffer>> => {
      if (size > MOST_GROWTH * (compressedSize + 1024)) {
        throw new ModelFormatError(`${path} claims to unpack from ${compressedSize} to ${size} bytes`, {
          hint: "unpack the zip yourself, if you trust it, and choose its folder",
        });
      }
      return unpacking(`${path} in ${zip.name}`, () =>
        entry.getData(new Uint8ArrayWriter(Math.max(size, 1)), { checkSignature: true }),
      );
    };
    return [
      {
        name: path.split("/").at(-1) ?? path,
        size,
        webkitRelativePath: path,
        arrayBuffer: async () => bufferOf(await bytes()),
        text: async () => new TextDecoder().decode(await bytes()),
      },
    ];
  });
}

function bufferOf(bytes: Uint8Array<ArrayBuffer>): ArrayBuffer {
  return bytes.byteLength === bytes.buffer.byteLength ? bytes.buffer : bytes.slice().buffer;
}
