import { createHash } from "node:crypto";
import { createWriteStream } from "node:fs";
import { mkdir } from "node:fs/promises";
import { dirname, join } from "node:path";
import { PassThrough } from "node:stream";
import { pipeline } from "node:stream/promises";

import { SetupError } from "../../errors.ts";

import type { SetupListener } from "./events.ts";
import type { ManifestFile } from "./manifest.ts";
import { headers, type TensorFlowPin } from "./pins.ts";

export interface UnpackOptions {
  readonly listener: SetupListener;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Take TensorFlow's libraries and the headers of its C API out of a wheel: the libraries to the folder itself, the
 * headers to `include/`. The files are on the disk when this returns.
 *
 * @throws {SetupError} when the wheel lacks one of them.
 */
export async function unpackWheel(
  pin: TensorFlowPin,
  wheel: string,
  folder: string,
  options: UnpackOptions,
): Promise<readonly ManifestFile[]> {
  const { openPromise } = await import("yauzl");
  const wanted = wantedMembers(pin);
  const files: ManifestFile[] = [];
  let done = 0;
  const zip = await openPromise(wheel, { autoClose: false });
  try {
    for await (const entry of zip.eachEntry()) {
      const path = wanted.get(entry.fileName);
      if (path === undefined) continue;
      const target = join(folder, path);
      await mkdir(dirname(target), { recursive: true });
      const hash = createHash("sha256");
      const count = new PassThrough();
      count.on("data", (chunk: Buffer) => {
        hash.update(chunk);
        done += chunk.length;
        options.listener({ kind: "progress", stage: "unpack", done, total: pin.unpackedBytes });
      });
      const signal = options.signal === undefined ? {} : { signal: options.signal };
      await pipeline(
        await zip.openReadStreamPromise(entry),
        count,
        createWriteStream(target, { flush: true, highWaterMark: 1 << 20 }),
        signal,
      );
      files.push({ path, bytes: entry.uncompressedSize, sha256: hash.digest("hex") });
      wanted.delete(entry.fileName);
    }
  } finally {
    zip.close();
  }
  const [missing] = wanted.keys();
  if (missing !== undefined) throw new SetupError(`the wheel ${wheel} holds no ${missing}`);
  return files;
}

/** Path in the wheel to path in our folder. */
function wantedMembers(pin: TensorFlowPin): Map<string, string> {
  const libraries = pin.libraries.map((name): [string, string] => [`tensorflow/${name}`, name]);
  const included = headers.map((name): [string, string] => [`tensorflow/include/${name}`, `include/${name}`]);
  return new Map([...libraries, ...included]);
}
