import fs from "node:fs";

const STDERR = 2;

/**
 * What a WebAssembly module writes to stderr during a task, instead of stderr. Emscripten calls `fs.writeSync` for each
 * line; one task at a time.
 */
export async function captureStderr(task: () => Promise<unknown>): Promise<string> {
  let text = "";
  const { writeSync } = fs;
  const tapped = (fd: number, data: unknown, ...rest: unknown[]): unknown => {
    if (fd !== STDERR || typeof data !== "string") return Reflect.apply(writeSync, fs, [fd, data, ...rest]);
    text += data;
    return Buffer.byteLength(data);
  };
  Reflect.set(fs, "writeSync", tapped);
  try {
    await task();
  } finally {
    Reflect.set(fs, "writeSync", writeSync);
  }
  return text;
}
