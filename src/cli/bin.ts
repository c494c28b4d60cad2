#!/usr/bin/env node
import { main } from "./main.ts";

// A reader that has seen enough (`| head`) is no fault.
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code === "EPIPE") process.exit(process.exitCode ?? 0);
  throw error;
});

const code = await main(process.argv.slice(2));
// A runtime's worker or a WebAssembly tier-up may hold a finished process: leave once stdout is flushed.
process.stdout.write("", () => {
  process.stderr.write("", () => process.exit(code));
});
