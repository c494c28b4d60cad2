import { describe, expect, test } from "vitest";

import { UsageError } from "../../src/errors.ts";
import { parseSchedule } from "../../src/train/schedule-text.ts";
import { shareOf } from "../../src/train/schedule.ts";

function shares(text: string, epochs: number, times: readonly number[]): number[] {
  const share = shareOf(parseSchedule(text), epochs);
  return times.map((time) => Number(share(time).toFixed(6)));
}

describe("a schedule", () => {
  test.each([
    ["constant", 4, [0, 1, 3.9, 4], [1, 1, 1, 1]],
    ["cosine", 4, [0, 1, 2, 3, 4], [1, 0.853553, 0.5, 0.146447, 0]],
    ["cosine:floor=0.1", 4, [0, 2, 4], [1, 0.55, 0.1]],
    ["linear", 4, [0, 1, 3, 4], [1, 0.75, 0.25, 0]],
    ["step:every=2:factor=0.5", 6, [0, 1.9, 2, 5.9], [1, 1, 0.5, 0.25]],
    ["warmup:1,cosine", 5, [0, 0.5, 1, 3, 5], [0, 0.5, 1, 0.5, 0]],
    ["warmup:1,constant:2,linear", 5, [0.5, 2, 3, 4, 5], [0.5, 1, 1, 0.5, 0]],
    // A phase begins with the share that the one before ended with.
    ["linear:2:floor=0.5,constant:1,cosine", 5, [1, 2, 2.5, 4, 5], [0.75, 0.5, 0.5, 0.25, 0]],
    // After its phases the last share holds on.
    ["warmup:1,linear:1:floor=0.2", 5, [1.5, 2, 4], [0.6, 0.2, 0.2]],
    // Two phases without a length share what is left.
    ["warmup:2,constant,linear", 6, [3, 4, 5], [1, 1, 0.5]],
  ])("%s over %d epochs", (text, epochs, times, expected) => {
    expect(shares(text, epochs, times)).toEqual(expected);
  });

  test.each([
    "",
    "sine",
    "cosine:-1",
    "cosine:x",
    "step",
    "step:every=0",
    "constant:floor=1",
    "cosine:1:2",
    "cosine,,linear",
  ])("%o is refused with the grammar", (text) => {
    expect(() => parseSchedule(text)).toThrow(UsageError);
    expect(() => parseSchedule(text)).toThrow(`got "${text}"`);
  });

  test("longer than the run is refused", () => {
    expect(() => shareOf(parseSchedule("warmup:3,cosine"), 2)).toThrow(
      "the schedule's phases take 3 epochs; the run has 2",
    );
  });
});
