// `npm run cli -- COMMAND ...` in a checkout: make sure of the dependencies and the build, then run the command here. With
// `--chain`, as `npm run export:onnx` and `npm run infer` have it, the newest run in runs/ is the model when none is named.
import { join } from "node:path";
import { pathToFileURL } from "node:url";

import { cli, ensureBuild, ensureDependencies, root } from "./bootstrap.mjs";

ensureDependencies();
ensureBuild();
const [first, ...rest] = process.argv.slice(2);
if (first === "--chain") process.argv.splice(2, process.argv.length, ...(await chained(rest)));
await import(pathToFileURL(cli).href);

/** @param {readonly string[]} given */
async function chained(given) {
  const { withNewestRun } = await import("../dist/cli/newest-run.js");
  const { ToolError } = await import("../dist/errors.js");
  /** @param {unknown} error */
  const explain = (error) => {
    if (!(error instanceof ToolError)) throw error;
    process.stderr.write(`error: ${error.message}\nhint: ${error.hint ?? ""}\n`);
    return process.exit(1);
  };
  const { args, line } = await withNewestRun(given, join(root, "runs")).catch(explain);
  if (line !== null) process.stderr.write(`${line}\n`);
  return args;
}
