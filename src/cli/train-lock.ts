import { join } from "node:path";

import { TrainError } from "../errors.ts";
import { codeOf } from "../node/error-code.ts";
import { unwritable } from "../node/write-aside.ts";
import { withLock, type LockOptions } from "../train/native/lock.ts";

import { note } from "./output.ts";

const NOTED_AFTER_MS = 3000;

/**
 * Train in a folder while no other training writes into it.
 *
 * @throws {TrainError} when one does
 */
export async function aloneIn(
  folder: string,
  train: () => Promise<void>,
  options: Pick<LockOptions, "staleMs"> = {},
): Promise<void> {
  const path = join(folder, "train.lock");
  const waiting = new AbortController();
  let begun = false;
  let noting: NodeJS.Timeout | undefined;
  // A living owner shows itself within a second or two; a dead one's lock is taken over after a while.
  const onWait = (): void => {
    noting = setTimeout(
      () => note(`waiting to see whether the training that made ${path} still runs ...`),
      NOTED_AFTER_MS,
    );
  };
  const onBeat = (): void => waiting.abort();
  try {
    await withLock(path, { ...options, signal: waiting.signal, onWait, onBeat }, async () => {
      begun = true;
      clearTimeout(noting);
      await train();
    });
  } catch (cause) {
    clearTimeout(noting);
    if (begun) throw cause;
    if (!waiting.signal.aborted) throw codeOf(cause) === undefined ? cause : unwritable(path, cause);
    throw new TrainError(`another training writes into ${folder}`, {
      hint: `wait for its end, or name another folder by --out; if there is none, delete ${path}`,
    });
  }
}
