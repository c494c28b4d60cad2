import { InferenceError } from "../../errors.ts";
import { Queue } from "../../infer/queue.ts";
import type { Session, Tensors } from "../../infer/runtime.ts";

/** A run that takes longer is told of. */
const LONG_MS = 10_000;
/** The longest wait that setTimeout takes. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

/**
 * A session elsewhere whose runs may take `seconds` each; Infinity for any time. After a run that was given up, every run throws
 * and nothing is waited for: what computes ends with this process.
 *
 * @param onNote Told once of a run that takes long.
 */
export function limitRuns(session: Session, seconds: number, onNote: (note: string) => void): Session {
  const queue = new Queue();
  let [isTold, isGivenUp] = [false, false];
  const tell = (): void => {
    if (isTold) return;
    isTold = true;
    const end = seconds === Infinity ? "may not end" : `is given up after ${seconds} s (--time-limit)`;
    onNote(`the model has a loop, and has run for ${LONG_MS / 1000} s; it ${end}`);
  };
  const limited = async (feeds: Tensors): Promise<Tensors> => {
    if (isGivenUp) throw tooLong(seconds);
    let timer: ReturnType<typeof setTimeout> | undefined;
    const long = setTimeout(tell, LONG_MS);
    const expired = new Promise<never>((_, reject) => {
      if (seconds * 1000 > LONGEST_TIMER_MS) return;
      timer = setTimeout(() => {
        isGivenUp = true;
        reject(tooLong(seconds));
      }, seconds * 1000);
    });
    try {
      return await Promise.race([session.run(feeds), expired]);
    } finally {
      clearTimeout(timer);
      clearTimeout(long);
    }
  };
  return {
    ...session,
    run: (feeds) => queue.run(() => limited(feeds)),
    dispose: () => (isGivenUp ? Promise.resolve() : session.dispose()),
  };
}

function tooLong(seconds: number): InferenceError {
  return new InferenceError(`the model has a loop, and a run of it did not end within ${seconds} s`, {
    hint: "where it needs longer, raise --time-limit (0 for no limit); a smaller batch takes less time",
  });
}
