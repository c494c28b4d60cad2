#!/usr/bin/env node
import { codeOf } from "../node/error-code.ts";

import { EXIT_FAILURE, main } from "./main.ts";
import { needsReader } from "./output.ts";

process.stdout.on("error", endWithout);

const code = await main(process.argv.slice(2));
// A worker of a runtime or a WebAssembly tier-up may keep a finished process alive: exit once stdout is flushed.
process.stdout.write("", (error) => {
  if (error) endWithout(process.stdout.errored ?? error);
  process.stderr.write("", () => process.exit(code));
});

/**
 * Stdout is closed. That is no error when the reader has seen enough (`| head`), unless the command must know that all of its
 * lines were taken; a full disk is one.
 */
function endWithout(error: Error): never {
  const isClosed = codeOf(error) === "EPIPE";
  if (isClosed && !needsReader()) process.exit(process.exitCode ?? 0);
  const what = isClosed ? "its reader went away before all was written" : error.message;
  process.stderr.write(`error: cannot write to stdout: ${what}\n`);
  process.exit(EXIT_FAILURE);
}
