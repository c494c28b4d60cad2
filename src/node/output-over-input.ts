import { realpath } from "node:fs/promises";

/** The first of the paths to write that is one of the files that are read, through links too; null when there is none. */
export async function outputOverInput(outputs: Iterable<string>, inputs: readonly string[]): Promise<string | null> {
  let read: ReadonlySet<string> | undefined;
  for (const output of outputs) {
    const target = await realpath(output).catch(() => null);
    if (target === null) continue;
    read ??= new Set(await Promise.all(inputs.map((input) => realpath(input))));
    if (read.has(target)) return output;
  }
  return null;
}
