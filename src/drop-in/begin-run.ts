import type { DeviceRuns } from "../infer/device-tensor.ts";
import type { Tensors } from "../infer/runtime.ts";
import type { Tensor } from "../tensor.ts";

import { runPart, type Part } from "./parts.ts";
import { presenter, readInputs, type Given, type Result } from "./results.ts";
import { SharedDevice } from "./shared-device.ts";

/** Runs a part on the inputs that were read, and gives its outputs as the caller has tensors. */
export type Run = (part: Part, names: readonly string[]) => Promise<Result[]>;

/**
 * Begin to read the inputs of a run, before this returns: on the graphics device where TF.js and the session share one, else in memory.
 *
 * @param cast Whether other element types are converted.
 * @param runs Of the session; undefined for a run in memory.
 * @param runInMemory How a part computes there.
 */
export function beginRun(
  given: readonly Given[],
  cast: boolean,
  runs: DeviceRuns | undefined,
  runInMemory: (part: Part, feeds: Tensors) => Promise<readonly Tensor[]> = runPart,
): Run {
  const shared = SharedDevice.of(runs, given);
  if (shared !== null) {
    const reading = handled(shared.readAll(given, cast));
    return async (part, names) => shared.run(part, await reading, names);
  }
  const present = presenter(given);
  const reading = handled(readInputs(given, cast));
  return async (part, names) => present(await runInMemory(part, Object.fromEntries(await reading)), names);
}

/** The caller may fail before it awaits the reading, whose own fault then is nobody's. */
function handled<Feeds>(reading: Promise<Feeds>): Promise<Feeds> {
  reading.catch(() => undefined);
  return reading;
}
