#!/usr/bin/env node
import { codeOf } from "../node/error-code.ts";

import { EXIT_FAILURE, main } from "./main.ts";

process.stdout.on("error", endWithout);

const code = await main(process.argv.slice(2));
// A runtime's worker or a WebAssembly tier-up may hold a finished process: leave once stdout is flushed.
process.stdout.write("", (error) => {
  if (error) endWithout(process.stdout.errored ?? error);
  process.stderr.write("", () => process.exit(code));
});

/** Nobody takes what is printed. A reader that has seen enough (`| head`) is no fault; a full disk is. */
function endWithout(error: Error): never {
  if (codeOf(error) === "EPIPE") process.exit(process.exitCode ?? 0);
  process.stderr.write(`error: cannot write to stdout: ${error.message}\n`);
  process.exit(EXIT_FAILURE);
}
