import { Presets, SingleBar } from "cli-progress";

import { isQuiet } from "./output.ts";

/** Progress of a known number of steps. */
export interface Progress {
  update(done: number, status?: string): void;
  stop(): void;
}

/**
 * A progress bar with time left on stderr; silent with `--quiet` and when stderr is not a terminal.
 *
 * @param done steps that took none of the time to come
 */
export function startProgress(label: string, total: number, done = 0): Progress {
  if (!process.stderr.isTTY || isQuiet()) return { update: () => undefined, stop: () => undefined };
  const bar = new SingleBar(
    {
      format: `${label} {bar} {percentage}% {value}/{total} {status} {eta_formatted} left`,
      stream: process.stderr,
      hideCursor: true,
      etaBuffer: 50,
    },
    Presets.shades_classic,
  );
  bar.start(total, done, { status: "" });
  return {
    update: (now, status) => bar.update(now, status === undefined ? undefined : { status }),
    stop: () => bar.stop(),
  };
}
