import { join } from "node:path";

import { build } from "esbuild";

/**
 * A program of a test's own, written in TypeScript, for a process of its own.
 *
 * @param folder two folders below the root, as the compiled program is, for it looks for what lies beside it
 * @returns the path of what Node runs
 */
export async function bundleDriver(source: string, folder: string): Promise<string> {
  const outfile = join(folder, "driver.mjs");
  await build({
    entryPoints: [source],
    outfile,
    bundle: true,
    format: "esm",
    platform: "node",
    packages: "external",
    logLevel: "error",
  });
  return outfile;
}
