import * as tf from "@tensorflow/tfjs";
import { beforeAll, describe, expect, test } from "vitest";

import type { OpStep, Port, Region, Step, StructuredGraph } from "../../../src/export/graph/control-flow/structure.ts";
import { structured } from "../../../src/export/graph/control-flow/structured.ts";
import { readGraphModel, type GraphSource } from "../../../src/export/graph/source/graph-model.ts";
import { fromArtifacts } from "../../../src/export/source/artifacts.ts";

import { attr, GraphMaker, signature, type NodeSpec } from "./graph-maker.ts";

beforeAll(async () => {
  await tf.setBackend("cpu");
});

/** A structured graph of scalars, computed by the definition of its steps. */
class Interpreter {
  readonly source: GraphSource;
  /** How often each node was computed. */
  readonly counts = new Map<string, number>();

  constructor(source: GraphSource) {
    this.source = source;
  }

  run({ inputs, region }: StructuredGraph, values: readonly number[]): number[] {
    const known = new Map<Step, readonly number[]>(inputs.map((step, index) => [step, values.slice(index, index + 1)]));
    return this.#region(region, known);
  }

  #region(region: Region, outer: ReadonlyMap<Step, readonly number[]>): number[] {
    const known = new Map(outer);
    const read = ({ step, output }: Port): number => {
      const value = known.get(step)?.[output];
      if (value === undefined) throw new Error(`${step.name}:${output} has no value`);
      return value;
    };
    for (const step of region.steps) known.set(step, this.#step(step, read, known));
    return region.results.map(read);
  }

  #step(step: Step, read: (port: Port) => number, known: ReadonlyMap<Step, readonly number[]>): readonly number[] {
    switch (step.kind) {
      case "op":
        this.counts.set(step.name, (this.counts.get(step.name) ?? 0) + 1);
        return [this.#op(step, step.inputs.map(read))];
      case "alias":
        return [read(step.input)];
      case "if":
        return this.#region(read(step.condition) === 0 ? step.whenFalse : step.whenTrue, known);
      case "while": {
        let carried = step.initial.map(read);
        const inside = (): Map<Step, readonly number[]> =>
          new Map([
            ...known,
            ...step.parameters.map((each, index) => [each, carried.slice(index, index + 1)] as const),
          ]);
        while (this.#region(step.condition, inside())[0] !== 0) carried = this.#region(step.body, inside());
        return carried;
      }
      case "parameter":
        throw new Error(`${step.name} has no value`);
      default:
        return step satisfies never;
    }
  }

  #constant(name: string): number {
    const weight = this.source.weights.get(name)?.read();
    if (weight === undefined || weight.dtype === "complex64") throw new Error(`${name} is no constant of numbers`);
    return Number(weight.data[0]);
  }

  #op({ node }: OpStep, [a = Number.NaN, b = Number.NaN]: readonly number[]): number {
    switch (node.op) {
      case "Const":
        return this.#constant(node.name);
      case "AddV2":
        return a + b;
      case "Sub":
        return a - b;
      case "Mul":
        return a * b;
      case "Less":
        return Number(a < b);
      case "Greater":
        return Number(a > b);
      case "LogicalAnd":
        return Number(a !== 0 && b !== 0);
      default:
        throw new Error(`${node.op} is not computed here`);
    }
  }
}

interface Ran {
  readonly ours: readonly number[];
  readonly theirs: readonly number[];
  readonly graph: StructuredGraph;
  readonly counts: ReadonlyMap<string, number>;
}

async function both(
  maker: GraphMaker,
  outputs: readonly string[],
  feeds: Readonly<Record<string, number>>,
): Promise<Ran> {
  const artifacts = maker.artifacts({
    signature: signature(Object.fromEntries(outputs.map((name) => [`${name}:0`, `${name}:0`]))),
  });
  const source = readGraphModel(await fromArtifacts(artifacts));
  const graph = structured(
    source,
    source.inputs,
    source.outputs.map((output) => output.source),
  );
  const interpreter = new Interpreter(source);
  const ours = interpreter.run(
    graph,
    source.inputs.map(({ name }) => feeds[name] ?? Number.NaN),
  );
  const model = await tf.loadGraphModel(tf.io.fromMemory(artifacts));
  const tensors = Object.fromEntries(
    source.inputs.map(({ name, dtype }) => [
      name,
      tf.scalar(feeds[name] ?? 0, dtype === "int32" ? "int32" : "float32"),
    ]),
  );
  const result = await model.executeAsync(tensors, [...outputs]);
  const theirs = (Array.isArray(result) ? result : [result]).map((tensor) => Number(tensor.dataSync()[0]));
  return { ours, theirs, graph, counts: interpreter.counts };
}

const F = { T: attr.type("DT_FLOAT") };
const I = { T: attr.type("DT_INT32") };

/** The nodes of `while (i < n) { i += 1; sum = sum * factor + i }`, as TensorFlow 1 wrote them. */
function loopV1(
  maker: GraphMaker,
  frame: string,
  n: string,
  factor: string,
  body: { sum?: string; invariant?: boolean } = {},
): void {
  const enter = (name: string, input: string, constant = false): void => {
    maker.node(`${frame}/${name}`, "Enter", [input], {
      ...F,
      frame_name: attr.text(frame),
      is_constant: attr.bool(constant),
    });
  };
  maker.const(`${frame}/zero`, "float32", [0]);
  enter("Enter_i", `${frame}/zero`);
  enter("Enter_sum", `${frame}/zero`);
  enter("Enter_n", n, true);
  enter("Enter_factor", factor, true);
  maker.node(`${frame}/Merge_i`, "Merge", [`${frame}/Enter_i`, `${frame}/Next_i`], F);
  maker.node(`${frame}/Merge_sum`, "Merge", [`${frame}/Enter_sum`, `${frame}/Next_sum`], F);
  maker.node(`${frame}/Less`, "Less", [`${frame}/Merge_i`, `${frame}/Enter_n`], F);
  maker.node(`${frame}/LoopCond`, "LoopCond", [`${frame}/Less`]);
  maker.node(`${frame}/Switch_i`, "Switch", [`${frame}/Merge_i`, `${frame}/LoopCond`], F);
  maker.node(`${frame}/Switch_sum`, "Switch", [`${frame}/Merge_sum`, `${frame}/LoopCond`], F);
  maker.node(`${frame}/i`, "Identity", [`${frame}/Switch_i:1`], F);
  maker.node(`${frame}/sum`, "Identity", [`${frame}/Switch_sum:1`], F);
  maker.const(`${frame}/one`, "float32", [1], [], [`^${frame}/i`]);
  maker.node(`${frame}/add`, "AddV2", [`${frame}/i`, `${frame}/one`], F);
  // TF.js computes what depends on constants alone in the first iteration only, and then fails.
  if (body.invariant === true)
    maker.node(`${frame}/invariant`, "Mul", [`${frame}/Enter_factor`, `${frame}/Enter_factor`], F);
  maker.node(
    `${frame}/mul`,
    "Mul",
    [`${frame}/sum`, body.invariant === true ? `${frame}/invariant` : `${frame}/Enter_factor`],
    F,
  );
  maker.node(`${frame}/next`, "AddV2", [body.sum ?? `${frame}/mul`, `${frame}/add`], F);
  maker.node(`${frame}/Next_i`, "NextIteration", [`${frame}/add`], F);
  maker.node(`${frame}/Next_sum`, "NextIteration", [`${frame}/next`], F);
  maker.node(`${frame}/Exit_i`, "Exit", [`${frame}/Switch_i`], F);
  maker.node(`${frame}/Exit_sum`, "Exit", [`${frame}/Switch_sum`], F);
}

describe("control flow of TensorFlow 1", () => {
  test("Switch and Merge are an If", async () => {
    for (const x of [1, 5]) {
      const maker = new GraphMaker()
        .placeholder("x")
        .const("three", "float32", [3])
        .node("less", "Less", ["x", "three"], F)
        .node("pred_id", "Identity", ["less"], { T: attr.type("DT_BOOL") })
        .node("cond/Switch", "Switch", ["x", "pred_id"], F)
        .node("cond/two", "Mul", ["cond/Switch:1", "three"], F)
        .node("cond/one", "Sub", ["cond/Switch", "three"], F)
        .node("cond/Merge", "Merge", ["cond/one", "cond/two"], { ...F, N: attr.int(2) })
        .node("out", "AddV2", ["cond/Merge", "x"], F);
      const { ours, theirs, counts } = await both(maker, ["out"], { x });
      expect(ours).toEqual(theirs);
      expect(counts.get("cond/two")).toBe(x < 3 ? 1 : undefined);
    }
  });

  test("branches in branches, with a constant that only a control input holds in its branch", async () => {
    for (const [x, y] of [
      [1, 1],
      [1, 9],
      [9, 1],
      [9, 9],
    ] as const) {
      const maker = new GraphMaker()
        .placeholder("x")
        .placeholder("y")
        .const("three", "float32", [3])
        .node("px", "Less", ["x", "three"], F)
        .node("py", "Less", ["y", "three"], F)
        .node("s", "Switch", ["x", "px"], F)
        .node("switch_f", "Identity", ["s"], F)
        .const("hundred", "float32", [100])
        .node("else", "Identity", ["hundred", "^switch_f"], F)
        .node("inner/Switch", "Switch", ["s:1", "py"], F)
        .node("inner/a", "Mul", ["inner/Switch:1", "three"], F)
        .node("inner/b", "AddV2", ["inner/Switch", "three"], F)
        .node("inner/Merge", "Merge", ["inner/b", "inner/a"], F)
        .node("Merge", "Merge", ["else", "inner/Merge"], F);
      const { ours, theirs } = await both(maker, ["Merge"], { x, y });
      expect(ours).toEqual(theirs);
    }
  });

  test("a loop is a While", async () => {
    const maker = new GraphMaker().placeholder("n").placeholder("factor");
    loopV1(maker, "while", "n", "factor");
    maker.node("out", "AddV2", ["while/Exit_sum", "n"], F);
    const { ours, theirs, graph, counts } = await both(maker, ["out"], { n: 6, factor: 1.5 });
    expect(ours).toEqual(theirs);
    expect(counts.get("while/mul")).toBe(6);
    expect(graph.region.steps.filter(({ kind }) => kind === "while")).toHaveLength(1);
  });

  test("what a loop computes anew each time moves out of it", async () => {
    const maker = new GraphMaker().placeholder("n").placeholder("factor");
    loopV1(maker, "while", "n", "factor", { invariant: true });
    maker.node("out", "Identity", ["while/Exit_sum"], F);
    const source = readGraphModel(await fromArtifacts(maker.artifacts()));
    const graph = structured(source, source.inputs, [{ node: "out", output: 0 }]);
    const interpreter = new Interpreter(source);
    // ((0 * 4 + 1) * 4 + 2) * 4 + 3
    expect(interpreter.run(graph, [3, 2])).toEqual([27]);
    expect(interpreter.counts.get("while/invariant")).toBe(1);
  });

  test("both values that a loop ends with come from one While", async () => {
    const maker = new GraphMaker().placeholder("n").placeholder("factor");
    loopV1(maker, "while", "n", "factor");
    maker.node("out", "Sub", ["while/Exit_sum", "while/Exit_i"], F);
    const { ours, theirs, graph } = await both(maker, ["out"], { n: 4, factor: 2 });
    expect(ours).toEqual(theirs);
    expect(graph.region.steps.filter(({ kind }) => kind === "while")).toHaveLength(1);
  });

  test("a loop within a branch within a loop", async () => {
    for (const n of [0, 1, 5]) {
      const maker = new GraphMaker().placeholder("n").placeholder("factor").const("two", "float32", [2]);
      maker
        .node("outer/Enter_two", "Enter", ["two"], {
          ...F,
          frame_name: attr.text("outer"),
          is_constant: attr.bool(true),
        })
        .node("outer/less", "Less", ["outer/Enter_two", "outer/i"], F)
        .node("outer/gate", "Switch", ["outer/mul", "outer/less"], F)
        .node("outer/count", "Switch", ["outer/i", "outer/less"], F)
        .node("outer/f", "Switch", ["outer/Enter_two", "outer/less"], F);
      loopV1(maker, "inner", "outer/count:1", "outer/f:1");
      // TF.js starts a loop whose first values are constants outside of the loop it is in.
      const zero = maker.nodes.findIndex(({ name }) => name === "inner/zero");
      maker.nodes[zero] = { name: "inner/zero", op: "Sub", input: ["outer/count:1", "outer/count:1"], attr: F };
      maker
        .node("outer/inner", "AddV2", ["inner/Exit_sum", "outer/gate:1"], F)
        .node("outer/else", "Mul", ["outer/gate", "outer/count"], F)
        .node("outer/Merge", "Merge", ["outer/else", "outer/inner"], F);
      loopV1(maker, "outer", "n", "factor", { sum: "outer/Merge" });
      maker.node("out", "Identity", ["outer/Exit_sum"], F);
      const { ours, theirs } = await both(maker, ["out"], { n, factor: 0.5 });
      expect(ours).toEqual(theirs);
    }
  });
});

const node = (name: string, op: string, input: readonly string[], attributes = F as NodeSpec["attr"]): NodeSpec => ({
  name,
  op,
  input,
  attr: attributes ?? {},
});

function functions(maker: GraphMaker): GraphMaker {
  return maker
    .weight("body/one", "float32", [1])
    .func({ name: "cond", inputs: ["i", "sum", "n"], returns: ["less:z:0"], nodes: [node("less", "Less", ["i", "n"])] })
    .func({
      name: "body",
      inputs: ["i", "sum", "n"],
      returns: ["add:z:0", "next:output:0", "n"],
      nodes: [
        node("body/one", "Const", [], { dtype: attr.type("DT_FLOAT") }),
        node("add", "AddV2", ["i", "body/one:output:0"]),
        node("square", "Mul", ["n", "n"]),
        node("more", "AddV2", ["sum", "square:z:0"]),
        node("next", "Identity", ["more:z:0"]),
      ],
    });
}

describe("control flow of TensorFlow 2", () => {
  test.each(["While", "StatelessWhile"])("%s", async (op) => {
    const maker = functions(new GraphMaker().placeholder("n").const("zero", "float32", [0]))
      .node("loop", op, ["zero", "zero", "n"], { cond: attr.func("cond"), body: attr.func("body") })
      .node("out", "Identity", ["loop:1"], F);
    const { ours, theirs, counts, graph } = await both(maker, ["out"], { n: 4 });
    expect(ours).toEqual(theirs);
    expect(counts.get("loop/body/add")).toBe(4);
    const [loop] = graph.region.steps.filter((step) => step.kind === "while");
    expect(loop?.kind === "while" && loop.body.results[2]?.step).toBe(loop?.kind === "while" && loop.parameters[2]);
  });

  test("StatelessIf computes one branch, and a loop in it", async () => {
    for (const x of [1, 7]) {
      const maker = functions(new GraphMaker().placeholder("x").const("three", "float32", [3]))
        .func({
          name: "then",
          inputs: ["x", "three"],
          returns: ["loop:output:1", "x"],
          nodes: [
            node("sub", "Sub", ["three", "three"]),
            node("loop", "StatelessWhile", ["sub:z:0", "sub:z:0", "x"], {
              cond: attr.func("cond"),
              body: attr.func("body"),
            }),
          ],
        })
        .func({
          name: "else",
          inputs: ["x", "three"],
          returns: ["mul:z:0", "three"],
          nodes: [node("mul", "Mul", ["x", "three"])],
        })
        .node("greater", "Greater", ["x", "three"], F)
        .node("if", "StatelessIf", ["greater", "x", "three"], {
          then_branch: attr.func("then"),
          else_branch: attr.func("else"),
        })
        .node("a", "Identity", ["if"], F)
        .node("b", "Identity", ["if:1"], F);
      const { ours, theirs, counts } = await both(maker, ["a", "b"], { x });
      expect(ours).toEqual(theirs);
      expect(counts.get("if/else_branch/mul")).toBe(x > 3 ? undefined : 1);
    }
  });

  test("PartitionedCall, which TF.js cannot run, is its function's body", async () => {
    const maker = new GraphMaker()
      .placeholder("x")
      .func({ name: "f", inputs: ["a"], returns: ["mul:z:0", "a"], nodes: [node("mul", "Mul", ["a", "a"])] })
      .node("call", "PartitionedCall", ["x"], { f: attr.func("f") })
      .node("out", "AddV2", ["call:0", "call:1"], I);
    const source = readGraphModel(await fromArtifacts(maker.artifacts()));
    const graph = structured(
      source,
      source.inputs,
      source.outputs.map((output) => output.source),
    );
    expect(new Interpreter(source).run(graph, [3])).toEqual([12]);
    expect(graph.region.steps.map(({ name }) => name)).toEqual(["call/mul", "out"]);
  });
});
