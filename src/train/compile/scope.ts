import type { TensorFlow } from "./types.ts";

/** tf.tidy for a function that returns anything. */
export function scoped<T>(tf: TensorFlow, run: () => T): T {
  tf.engine().startScope();
  try {
    return run();
  } finally {
    tf.engine().endScope();
  }
}
