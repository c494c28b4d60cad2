import type { VerifyProgress } from "../verify/progress.ts";

import { isQuiet, note } from "./output.ts";

/** A verification that is over sooner says nothing. */
const SILENT_SECONDS = 2;
const REDRAW_MS = 100;

/** Says on stderr what a verification that takes long is doing: one line that changes on a terminal, one line elsewhere. */
export interface VerifyReporter {
  readonly onProgress: (progress: VerifyProgress) => void;
  /** Makes room for what comes after. */
  readonly stop: () => void;
}

export function reportVerification(): VerifyReporter {
  if (isQuiet()) return { onProgress: () => undefined, stop: () => undefined };
  return process.stderr.isTTY ? onTerminal() : inLog();
}

function onTerminal(): VerifyReporter {
  let drawn = 0;
  return {
    onProgress: (progress) => {
      if (!isLong(progress) || performance.now() - drawn < REDRAW_MS) return;
      drawn = performance.now();
      process.stderr.write(`\r${progressLine(progress)}\u001B[K`);
    },
    stop: () => {
      if (drawn > 0) process.stderr.write("\r\u001B[K");
    },
  };
}

function inLog(): VerifyReporter {
  let said = false;
  return {
    onProgress: (progress) => {
      if (said || !isLong(progress)) return;
      said = true;
      note(progressLine(progress));
    },
    stop: () => undefined,
  };
}

/** It takes long, and is not nearly over. */
function isLong({ seconds, expected }: VerifyProgress): boolean {
  return expected === null ? seconds > SILENT_SECONDS : expected > SILENT_SECONDS && expected - seconds > 1;
}

/** `verifying beside TF.js: run 2 of 4 (batch 3, time 8), layer 12 of 60, about 20 s left`. */
export function progressLine({ task, layers, runs, seconds, expected }: VerifyProgress): string {
  const layer = layers === null ? "" : `, layer ${layers.done + 1} of ${layers.of}`;
  const left =
    expected === null ? `, ${Math.round(seconds)} s` : `, about ${Math.max(1, Math.round(expected - seconds))} s left`;
  const what = runs === null ? task : `run ${runs.done + 1} of ${runs.of} (${task})`;
  return `verifying beside TF.js: ${what}${layer}${left}`;
}
