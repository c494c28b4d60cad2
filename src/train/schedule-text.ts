import { UsageError } from "../errors.ts";

import type { Phase, Schedule } from "./schedule.ts";

const GRAMMAR =
  "phases with commas between: warmup, constant, cosine, linear or step, each with :EPOCHS if it is not to take what is left, " +
  "and floor=, every= or factor= after another colon; e.g. warmup:1,constant:10,cosine or step:every=10:factor=0.5";

/**
 * A schedule in words, e.g. `warmup:1,cosine:20:floor=0.01`.
 *
 * @throws {UsageError} with the grammar
 */
export function parseSchedule(text: string): Schedule {
  const phases = text.split(",").map((part) => parsePhase(part.trim(), text));
  if (phases.length > 0) return phases;
  throw refusal(text);
}

function parsePhase(part: string, whole: string): Phase {
  const [kind = "", ...rest] = part.split(":");
  const values = new Map<string, number>();
  for (const entry of rest) {
    const [key = "", value] = entry.includes("=") ? entry.split("=") : ["epochs", entry];
    const number = Number(value);
    if (value === undefined || value.trim() === "" || !Number.isFinite(number) || number < 0 || values.has(key)) {
      throw refusal(whole);
    }
    values.set(key, number);
  }
  const phase = phaseOf(kind, values);
  if (phase === undefined || [...values.keys()].some((key) => !(key in phase))) throw refusal(whole);
  return phase;
}

function phaseOf(kind: string, values: ReadonlyMap<string, number>): Phase | undefined {
  const optional = <Key extends string>(key: Key): Partial<Record<Key, number>> => {
    const value = values.get(key);
    const found: Partial<Record<Key, number>> = {};
    if (value !== undefined) found[key] = value;
    return found;
  };
  if (kind === "warmup" || kind === "constant") return { kind, ...optional("epochs") };
  if (kind === "cosine" || kind === "linear") return { kind, ...optional("epochs"), ...optional("floor") };
  const every = values.get("every");
  if (kind !== "step" || every === undefined || every === 0) return undefined;
  return { kind, every, ...optional("epochs"), ...optional("factor") };
}

function refusal(text: string): UsageError {
  return new UsageError(`a schedule is ${GRAMMAR}; got "${text}"`);
}
