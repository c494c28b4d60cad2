import { NotVerifiedError } from "../errors.ts";

import { batchDimension, freeDimensions } from "./feeds.ts";
import { planRuns, type PlanInput, type PlannedRun } from "./plan.ts";
import { firstLine, runPlan, type PlanResult, type SideBySide } from "./side-by-side.ts";

/**
 * What free sizes are multiples of, tried one after the other until TF.js refuses no run. The shapes of a Graph model do not tell
 * everything: one that halves a picture five times and joins what it doubles again takes multiples of 32 alone.
 */
const UNITS: readonly number[] = [16, 32, 64, 128];

/** What else is tried, with what is said of it. */
interface Attempt extends Pick<PlanInput, "unit" | "together"> {
  readonly found: string;
}

/** Sizes of several inputs may have to be alike: those of a cell's inputs and of its states. */
const TOGETHER: Attempt = {
  unit: 1,
  together: true,
  found: "refuses inputs of different sizes, so sizes that are alike were run",
};

function attemptsFor({ specs }: Pick<PlanInput, "specs">): readonly Attempt[] {
  const batch = batchDimension(specs);
  const free = freeDimensions(specs).filter((name) => name !== batch);
  if (free.length === 0) return [];
  const several =
    specs.filter(({ dims }) => dims.some((dim) => typeof dim === "string" && free.includes(dim))).length > 1;
  const multiples = UNITS.map((unit) => ({
    unit,
    together: false,
    found: `refuses sizes that are no multiples of ${unit}, so multiples were run`,
  }));
  return several ? [TOGETHER, ...multiples] : multiples;
}

/**
 * Make the runs of a plan; where TF.js refuses some of them, those of another plan that it takes.
 *
 * @param plan Of `input`, for any sizes.
 * @throws {NotVerifiedError} when TF.js does not run the model on any of the sizes.
 */
export async function runAccepted(
  sides: SideBySide,
  input: Omit<PlanInput, "unit" | "together">,
  plan: readonly PlannedRun[],
): Promise<PlanResult> {
  const result = await runPlan(sides, plan);
  if (result.refusal === null) return result;
  const message = firstLine(result.refusal);
  for (const { unit, together, found } of attemptsFor(input)) {
    const other = planOther({ ...input, unit, together });
    const accepted = other === null ? null : await runPlan(sides, other);
    if (accepted === null || accepted.refusal !== null) continue;
    const note = `TF.js ${found}; of others it says: ${message}`;
    return { ...accepted, notes: [...accepted.notes, note] };
  }
  if (result.runs.length > 0) return result;
  throw new NotVerifiedError(`TF.js does not run the model: ${message}`, {
    cause: result.refusal,
    hint: "fix the free sizes with --input-shape, or leave the check out with --no-verify",
  });
}

/** Null where the shapes that are known do not take such sizes. */
function planOther(input: PlanInput): readonly PlannedRun[] | null {
  try {
    return planRuns(input);
  } catch (error) {
    if (error instanceof NotVerifiedError) return null;
    throw error;
  }
}
