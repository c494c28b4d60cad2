import { axes, floats } from "../case-values.ts";
import { graphCase, node, type CaseNode, type OpCase } from "../op-case.ts";

const SHAPES = [[8], [2, 8], [2, 3, 4], [5], [2, 6], [2, 2, 2, 7], [1], [2, 1]];

const read: readonly CaseNode[] = [node("Real", "re", ["op"]), node("Imag", "im", ["op"])];

const whole: OpCase[] = ["FFT", "IFFT"].flatMap((op) =>
  SHAPES.map((shape) =>
    graphCase(
      op,
      `[${shape.join()}]`,
      { a: floats(shape), b: floats(shape) },
      [node("Complex", "z", ["a", "b"]), node(op, "op", ["z"]), ...read],
      { fetch: ["re", "im"] },
    ),
  ),
);

const real: OpCase[] = SHAPES.map((shape) =>
  graphCase(
    "RFFT",
    `[${shape.join()}]`,
    { a: floats(shape), length: axes([shape.at(-1) ?? 1]) },
    [node("RFFT", "op", ["a", "length"]), ...read],
    { fetch: ["re", "im"] },
  ),
);

const inverse: OpCase[] = [[5], [2, 5], [2, 3, 3], [2, 4], [3], [2]].map((shape) =>
  graphCase(
    "IRFFT",
    `[${shape.join()}]`,
    { a: floats(shape), b: floats(shape), length: axes([2 * ((shape.at(-1) ?? 1) - 1)]) },
    [node("Complex", "z", ["a", "b"]), node("IRFFT", "op", ["z", "length"])],
    { fetch: ["op"], free: ["fixed"] },
  ),
);

export const spectral: readonly OpCase[] = [...whole, ...real, ...inverse];
