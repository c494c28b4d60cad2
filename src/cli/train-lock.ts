import { join } from "node:path";

import { TrainError } from "../errors.ts";
import { codeOf } from "../node/error-code.ts";
import { unwritable } from "../node/write-aside.ts";
import { withLock } from "../train/native/lock.ts";

/** Long enough to take over from a process that died, and no more: a living one keeps the folder as long as it trains. */
const PATIENCE_MS = 1000;

/**
 * Train in a folder while no other training writes into it.
 *
 * @throws {TrainError} when one does
 */
export async function aloneIn(folder: string, train: () => Promise<void>): Promise<void> {
  const path = join(folder, "train.lock");
  const waiting = new AbortController();
  let timer: NodeJS.Timeout | undefined;
  let begun = false;
  const onWait = (): void => void (timer = setTimeout(() => waiting.abort(), PATIENCE_MS));
  try {
    await withLock(path, { signal: waiting.signal, onWait }, async () => {
      begun = true;
      clearTimeout(timer);
      await train();
    });
  } catch (cause) {
    if (begun) throw cause;
    if (!waiting.signal.aborted) throw codeOf(cause) === undefined ? cause : unwritable(path, cause);
    throw new TrainError(`another training writes into ${folder}`, {
      hint: `wait for its end, or name another folder by --out; if there is none, delete ${path}`,
    });
  }
}
