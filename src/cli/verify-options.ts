import { UsageError } from "../errors.ts";
import { providersOf } from "../infer/runtimes.ts";
import type { Provider, RuntimeName } from "../infer/runtime.ts";
import type { Target } from "../verify/verify-model.ts";

/** Batch sizes that are tried where the batch axis is free. */
export const DEFAULT_BATCHES: readonly number[] = [1, 3];

/** Every pair of a runtime and a provider it has, out of two lists. @throws {UsageError} when none fits. */
export function targetsOf(runtimes: readonly RuntimeName[], providers: readonly Provider[] | undefined): Target[] {
  if (providers === undefined) return runtimes.map((runtime) => ({ runtime }));
  const targets = runtimes.flatMap((runtime) =>
    providers.filter((provider) => providersOf[runtime].includes(provider)).map((provider) => ({ runtime, provider })),
  );
  const idle = runtimes.find((runtime) => !targets.some((target) => target.runtime === runtime));
  if (idle === undefined) return targets;
  throw new UsageError(
    `the runtime ${idle} has the providers ${providersOf[idle].join(", ")}; got ${providers.join(", ")}`,
  );
}
