import * as fc from "fast-check";
import { beforeAll, expect, test, vi } from "vitest";

import { exportModel } from "../../src/export/export-any.ts";
import type { Tensor } from "../../src/tensor.ts";
import { axes, constant, floats, randomNumbers } from "../export/graph/case-values.ts";
import {
  attr,
  graphCase,
  node,
  type CaseAttrs,
  type CaseInput,
  type CaseNode,
  type OpCase,
} from "../export/graph/op-case.ts";
import { checkCases, reportOf, runTfjs } from "../export/graph/run-cases.ts";

/** Random Graph models: chains of operators that change layouts, shapes and values, each over any earlier results. */

const DEFAULT_RUNS = 150;
const runs = Number(process.env["FUZZ_RUNS"] ?? DEFAULT_RUNS);
const seed = Number(process.env["FUZZ_SEED"] ?? 20_261_128);
/** Beyond this a float32 has few digits left to compare. */
const LARGEST = 1e4;
const MOST_ELEMENTS = 4_000;

interface Made {
  readonly name: string;
  readonly shape: readonly number[];
}

/** What a step may be: it takes one earlier result, perhaps another, and numbers that settle its details. */
interface Step {
  readonly kind: number;
  readonly first: number;
  readonly second: number;
  readonly detail: number;
}

const step = fc.record({
  kind: fc.nat(99),
  first: fc.nat(99),
  second: fc.nat(99),
  detail: fc.nat(999),
});

class Model {
  readonly inputs: Record<string, CaseInput> = {};
  readonly nodes: CaseNode[] = [];
  readonly made: Made[] = [];

  feed(shape: readonly number[], own: number): void {
    const name = `x${this.made.length}`;
    this.inputs[name] = floats(shape, -1.5, 1.5, own);
    this.made.push({ name, shape });
  }

  /** A constant input of a node. */
  constant(input: CaseInput): string {
    const name = `k${Object.keys(this.inputs).length}`;
    this.inputs[name] = constant(input);
    return name;
  }

  add(op: string, from: readonly string[], shape: readonly number[], attrs: CaseAttrs = {}): void {
    const name = `n${this.nodes.length}`;
    this.nodes.push(node(op, name, from, attrs));
    this.made.push({ name, shape });
  }
}

const UNARY = [
  "Relu",
  "Relu6",
  "Sigmoid",
  "Tanh",
  "Neg",
  "Abs",
  "Elu",
  "Softplus",
  "Sin",
  "LeakyRelu",
  "Softmax",
] as const;
const BINARY = ["AddV2", "Sub", "Mul", "Maximum", "Minimum", "SquaredDifference"] as const;

function pick<T>(list: readonly T[], index: number): T {
  const found = list[index % list.length];
  if (found === undefined) throw new RangeError("there is nothing to pick from");
  return found;
}

const window = { strides: attr.ints([1, 1, 1, 1]), padding: attr.string("SAME"), data_format: attr.string("NHWC") };

const LETTERS = "abcdefgh";

/** An einsum over a result and another one, with letters shared where the sizes are equal, and a random output. */
function contract(model: Model, from: Made, { second, detail }: Step): void {
  const other = pick(model.made, second);
  const sizes = new Map<string, number>();
  const own = from.shape.map((size, axis) => {
    const letter = LETTERS.charAt(axis);
    sizes.set(letter, size);
    return letter;
  });
  const free = new Set(own);
  const others = other.shape.map((size, axis) => {
    const alike = [...free].find((letter) => sizes.get(letter) === size);
    if (alike !== undefined && (detail >> axis) % 4 !== 0) {
      free.delete(alike);
      return alike;
    }
    const letter = LETTERS.charAt(own.length + axis);
    sizes.set(letter, size);
    return letter;
  });
  const all = [...sizes.keys()];
  // TF.js gives other shapes where it sums over an axis of one operand alone.
  const shared = (letter: string): boolean => own.includes(letter) && others.includes(letter);
  const kept = all.filter((letter, index) => !shared(letter) || (Math.floor(detail / 16) >> index) % 2 === 0);
  const turn = second % Math.max(kept.length, 1);
  const output = [...kept.slice(turn), ...kept.slice(0, turn)];
  const shape = output.map((letter) => sizes.get(letter) ?? 1);
  if (shape.reduce((a, b) => a * b, 1) > MOST_ELEMENTS || shape.length === 0 || shape.length > 4) return;
  const equation = `${own.join("")},${others.join("")}->${output.join("")}`;
  model.add("Einsum", [from.name, other.name], shape, { equation: attr.string(equation), N: attr.int(2) });
}

/** A result times a function of its own mean along some axes, as in squeeze-and-excitation blocks. */
function gate(model: Model, { name, shape }: Made, detail: number): void {
  const over = shape.flatMap((_, axis) => ((detail >> axis) % 2 === 0 ? [axis] : []));
  if (over.length === 0) return;
  const reduced = shape.map((size, axis) => (over.includes(axis) ? 1 : size));
  model.add("Mean", [name, model.constant(axes(over))], reduced, { keep_dims: attr.bool(true) });
  model.add("Sigmoid", [`n${model.nodes.length - 1}`], reduced);
  const factor = `n${model.nodes.length - 1}`;
  model.add("Mul", detail % 2 === 0 ? [name, factor] : [factor, name], shape);
}

/** As tf.math.l2_normalize. */
function normalize(model: Model, { name, shape }: Made, axis: number): void {
  const last = (): string => `n${model.nodes.length - 1}`;
  const reduced = shape.with(axis, 1);
  model.add("Square", [name], shape);
  model.add("Sum", [last(), model.constant(axes([axis]))], reduced, { keep_dims: attr.bool(true) });
  model.add("Maximum", [last(), model.constant(floats([], 0.01, 0.02, 1))], reduced);
  model.add("Rsqrt", [last()], reduced);
  model.add("Mul", [name, last()], shape);
}

/** Elements along an axis, which may be several axes of the result made one. */
function gather(model: Model, from: Made, { second, detail }: Step): void {
  const { shape } = from;
  const start = detail % shape.length;
  const merged =
    second % 2 === 0 && start + 1 < shape.length
      ? [...shape.slice(0, start), (shape[start] ?? 1) * (shape[start + 1] ?? 1), ...shape.slice(start + 2)]
      : shape;
  if (merged !== shape) model.add("Reshape", [from.name, model.constant(axes(merged))], merged);
  const name = merged === shape ? from.name : `n${model.nodes.length - 1}`;
  const size = merged[start] ?? 1;
  if (size === 0) return;
  const places = [0, size - 1, detail % size];
  const along = model.constant(axes([start], []));
  model.add("GatherV2", [name, model.constant(axes(places)), along], merged.with(start, places.length));
}

const KINDS = 14;

/** Appends a node that fits what it takes. */
function take(model: Model, { kind, first, second, detail }: Step): void {
  const from = pick(model.made, first);
  const { name, shape } = from;
  const rank = shape.length;
  const axis = detail % rank;
  const last = shape.at(-1) ?? 1;
  const image = rank === 4 && shape.every((size) => size > 0);
  switch (kind % KINDS) {
    case 0:
    case 1:
      return model.add(pick(UNARY, detail), [name], shape);
    case 2:
    case 3: {
      const alike = model.made.filter((other) => other.shape.join() === shape.join());
      return model.add(pick(BINARY, detail), [name, pick(alike, second).name], shape);
    }
    case 4: {
      const shift = 1 + (detail % Math.max(1, rank - 1));
      const perm = shape.map((_, place) => (place + shift) % rank);
      const turned = perm.map((place) => shape[place] ?? 1);
      return model.add("Transpose", [name, model.constant(axes(perm))], turned);
    }
    case 5: {
      const op = pick(["Mean", "Max", "Sum", "Min"], second);
      return model.add(op, [name, model.constant(axes([axis]))], shape.with(axis, 1), { keep_dims: attr.bool(true) });
    }
    case 6: {
      if (!image) return model.add("BiasAdd", [name, model.constant(floats([last], -1, 1, detail))], shape);
      if (second % 3 === 0) {
        const attrs = { ...window, ksize: attr.ints([1, 2, 3, 1]) };
        return model.add(pick(["MaxPool", "AvgPool"], detail), [name], shape, attrs);
      }
      const filters = 1 + (detail % 4);
      const filter = model.constant(floats([3, 3, last, filters], -0.4, 0.4, detail));
      return model.add("Conv2D", [name, filter], shape.with(3, filters), {
        ...window,
        dilations: attr.ints([1, 1, 1, 1]),
      });
    }
    case 7: {
      const wider = shape.with(axis, (shape[axis] ?? 1) * 2);
      const along = model.constant(axes([axis], []));
      return model.add("ConcatV2", [name, name, along], wider, { N: attr.int(2) });
    }
    case 8: {
      const flat = [shape[0] ?? 1, shape.slice(1).reduce((a, b) => a * b, 1)];
      return rank === 2
        ? model.add("ExpandDims", [name, model.constant(axes([detail % 3], []))], shape.toSpliced(detail % 3, 0, 1))
        : model.add("Reshape", [name, model.constant(axes(flat))], flat);
    }
    case 10:
      return contract(model, from, { kind, first, second, detail });
    case 11:
      return gate(model, from, detail);
    case 12:
      return normalize(model, from, axis);
    case 13:
      return gather(model, from, { kind, first, second, detail });
    default: {
      const pads = shape.map((_, place) => (place === axis ? [1, 2] : [0, 0])).flat();
      const padded = shape.with(axis, (shape[axis] ?? 1) + 3);
      return model.add("Pad", [name, model.constant(axes(pads, [rank, 2]))], padded);
    }
  }
}

function caseOf(steps: readonly Step[]): OpCase {
  const model = new Model();
  const [size = 0] = randomNumbers(steps.length, 1);
  model.feed([2, 3, 4, 2 + Math.floor(size * 2)], 1);
  model.feed([2, 3, 4, 2], 2);
  for (const each of steps) take(model, each);
  const used = new Set(model.nodes.flatMap(({ input }) => input));
  const ends = model.made.slice(2).filter(({ name }) => !used.has(name));
  const fetch = ends.map(({ name }) => name);
  fc.pre(fetch.length > 0 && ends.every(({ shape }) => shape.reduce((a, b) => a * b, 1) <= MOST_ELEMENTS));
  return graphCase(
    "Random",
    steps.map(({ kind, detail }) => `${kind % KINDS}/${detail}`).join(" "),
    model.inputs,
    model.nodes,
    {
      fetch,
      free: ["fixed", "batch"],
      tolerance: 1e-4,
    },
  );
}

function isModest({ data }: Tensor): boolean {
  for (const value of data) if (!(Math.abs(Number(value)) < LARGEST)) return false;
  return true;
}

async function check(steps: readonly Step[]): Promise<void> {
  const given = caseOf(steps);
  const expected = await runTfjs(given);
  fc.pre(expected.every(isModest));
  const failures = await checkCases([given], exportModel, ["node"]);
  if (failures.length > 0) {
    throw new Error(
      `${reportOf(failures)}\n${JSON.stringify(given.nodes.map(({ op, name, input }) => [name, op, ...input]))}`,
    );
  }
}

beforeAll(() => {
  vi.spyOn(console, "warn").mockReturnValue();
});

test(
  `${runs} random Graph models from seed ${seed}`,
  async () => {
    const property = fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 12 }), check);
    const details = await fc.check(property, { numRuns: runs, seed, endOnFailure: false });
    if (details.failed) {
      const report = await fc.asyncDefaultReportMessage(details);
      throw new Error(`${String(details.errorInstance)}\n${report ?? ""}`, { cause: details.errorInstance });
    }
    expect(details.numRuns).toBe(runs);
  },
  runs * 2_000 + 60_000,
);
