import { UsageError } from "../errors.ts";

/** `NAME=1,64,64,3`, once for each input; `NAME=` for a scalar. */
export function parseShape(text: string, previous: Record<string, number[]> = {}): Record<string, number[]> {
  const cut = text.lastIndexOf("=");
  const sizes = text.slice(cut + 1);
  const dims = sizes === "" ? [] : sizes.split(",").map(Number);
  if (cut < 1 || dims.some((dim) => !Number.isInteger(dim) || dim < 1)) {
    throw new UsageError(`--input-shape takes NAME=1,64,64,3, or NAME= for a scalar; got "${text}"`);
  }
  return { ...previous, [text.slice(0, cut)]: dims };
}

/** A whole number of at least `least` and, where it is given, at most `most`. */
export function parseWhole(option: string, least: number, most?: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (text.trim() === "" || !Number.isSafeInteger(value) || value < least || value > (most ?? Infinity)) {
      const range = most === undefined ? `of at least ${least}` : `from ${least} to ${most}`;
      throw new UsageError(`${option} takes a whole number ${range}; got "${text}"`);
    }
    return value;
  };
}

/** Seconds that a run may take; Infinity for 0. */
export function parseTimeLimit(text: string): number {
  const seconds = parseWhole("--time-limit", 0)(text);
  return seconds === 0 ? Infinity : seconds;
}

/** A finite number of at least 0. */
export function parseTolerance(option: string): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (text.trim() === "" || !Number.isFinite(value) || value < 0) {
      throw new UsageError(`${option} takes a number of at least 0; got "${text}"`);
    }
    return value;
  };
}

/** A comma-separated list whose entries are all among `choices`. */
export function parseChoices<const Choice extends string>(
  option: string,
  choices: readonly Choice[],
): (text: string) => Choice[] {
  return (text) =>
    text.split(",").map((entry) => {
      const match = choices.find((choice) => choice === entry.trim());
      if (match === undefined) throw new UsageError(`${option} takes ${choices.join(", ")}; got "${entry}"`);
      return match;
    });
}

/** A finite number above 0. */
export function parsePositive(option: string): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (text.trim() === "" || !Number.isFinite(value) || value <= 0) {
      throw new UsageError(`${option} takes a number above 0; got "${text}"`);
    }
    return value;
  };
}

/** Every value of an option that may be given more than once. */
export function collect(value: string, previous: readonly string[] = []): string[] {
  return [...previous, value];
}
