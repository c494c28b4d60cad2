import * as tf from "@tensorflow/tfjs";
import { describe, expect, test } from "vitest";

import { exportSource } from "../../src/export/export-model.ts";
import { readLayersModel } from "../../src/export/source/layers-model.ts";
import type { Session } from "../../src/infer/runtime.ts";
import { float32, type Tensor } from "../../src/tensor.ts";
import type { PlannedRun } from "../../src/verify/plan.ts";
import { Clock, OutOfTime, type ClockOptions, type VerifyProgress } from "../../src/verify/progress.ts";
import type { Reference } from "../../src/verify/reference/reference.ts";
import { InferenceError } from "../../src/errors.ts";
import { runPlan, showSeconds, type PlanResult } from "../../src/verify/side-by-side.ts";
import { verifyModel } from "../../src/verify/verify-model.ts";
import { randomizeWeights, rawModelOf } from "../helpers/live-model.ts";

const answer: Tensor = float32(Float32Array.of(1, 2), [2]);

const session: Session = {
  runtime: "node",
  provider: "cpu",
  elsewhere: [],
  inputs: [],
  outputs: [{ name: "y", dtype: "float32", dims: [2] }],
  run: () => Promise.resolve({ y: answer }),
  dispose: () => Promise.resolve(),
};

function reference(compute: Reference["run"]): Reference {
  return {
    name: "tfjs none",
    note: null,
    judgesShapes: true,
    examine: () => ({ fault: null, work: 1, ones: 0 }),
    run: compute,
    runChecked: compute,
    useChecked: () => Promise.resolve(),
    trace: () => Promise.resolve([]),
    dispose: () => undefined,
  };
}

function planned(units: number, batch: number): PlannedRun {
  return { sizes: new Map([["batch", batch]]), cost: { units, isWork: true }, mayBeRefused: false };
}

function run(plan: readonly PlannedRun[], compute: Reference["run"], options: ClockOptions): Promise<PlanResult> {
  const sides = { sessions: [session], specs: [], tolerance: { atol: 1e-5, rtol: 0 }, seed: 1, leftOutSoftmax: [null] };
  return runPlan({ ...sides, reference: reference(compute), clock: new Clock(options) }, plan);
}

const wait = (ms: number): Promise<void> => new Promise((resolve) => void setTimeout(resolve, ms));

const slowly: Reference["run"] = async () => {
  await wait(20);
  return [answer];
};

describe("the time of a verification", () => {
  test("leaves out runs that do not fit, and names them", async () => {
    const { runs, leftOut } = await run([planned(1, 1), planned(10_000, 3), planned(1, 2)], slowly, { limit: 10 });
    expect(runs).toHaveLength(2);
    expect(leftOut).toEqual([expect.stringMatching(/^batch 3: it would take about \d+ (?:seconds|minutes)$/)]);
  });

  test("leaves out nothing without a limit", async () => {
    const { runs, leftOut } = await run([planned(1, 1), planned(1000, 3)], slowly, { limit: Infinity });
    expect([runs.length, leftOut]).toEqual([2, []]);
  });

  test("ends a run that takes longer than expected between two layers", async () => {
    let count = 0;
    const endless: Reference["run"] = async (_, watch) => {
      if (count++ === 0) return [answer];
      for (let layer = 0; ; layer++) {
        await wait(5);
        watch?.(layer, 1_000_000);
      }
    };
    const { runs, leftOut } = await run([planned(1, 1), planned(1, 3)], endless, { limit: 0.2 });
    expect([runs.length, leftOut]).toEqual([1, ["batch 3: not finished after 0 s"]]);
    await expect(run([planned(1, 3)], endless, { limit: 0.2 })).rejects.toThrow(OutOfTime);
  });

  test("is told before every run and layer", async () => {
    const told: VerifyProgress[] = [];
    const layered: Reference["run"] = async (_, watch) => {
      await wait(10);
      watch?.(0, 2);
      watch?.(1, 2);
      return [answer];
    };
    await run([planned(1, 1), planned(1, 3)], layered, { limit: 60, onProgress: (progress) => told.push(progress) });
    expect(told.map(({ task, layers, runs }) => [task, layers?.done ?? null, runs?.done])).toEqual([
      ["batch 1", null, 0],
      ["batch 1", 0, 0],
      ["batch 1", 1, 0],
      ["batch 3", null, 1],
      ["batch 3", 0, 1],
      ["batch 3", 1, 1],
    ]);
    expect(told[0]?.expected).toBeNull();
    expect(told[3]?.expected).toBeGreaterThan(0.01);
  });

  test("ends with the reason of an abort signal, between runs and between layers", async () => {
    const reason = new Error("enough");
    const between = new AbortController();
    const stop = (progress: VerifyProgress): void => {
      if (progress.runs?.done === 1) between.abort(reason);
    };
    const both = [planned(1, 1), planned(1, 3), planned(1, 2)];
    await expect(run(both, slowly, { limit: 60, signal: between.signal, onProgress: stop })).rejects.toBe(reason);
    const within = new AbortController();
    const layered: Reference["run"] = async (_, watch) => {
      within.abort(reason);
      watch?.(0, 1);
      return [answer];
    };
    await expect(run(both, layered, { limit: 60, signal: within.signal })).rejects.toBe(reason);
  });

  test.each([
    [0.2, "a second"],
    [40, "40 seconds"],
    [200, "3 minutes"],
    [9000, "3 hours"],
  ])("of %f s is shown as %s", (seconds, text) => {
    expect(showSeconds(seconds)).toBe(text);
  });
});

describe("a model that fixes large shapes", () => {
  /** 3D convolutions over 128 x 128 x 128: minutes in TF.js. */
  async function volume(): Promise<Parameters<typeof verifyModel>> {
    const conv = { filters: 4, kernelSize: 3, padding: "same", activation: "relu" } as const;
    const layers = [
      tf.layers.conv3d({ ...conv, inputShape: [128, 128, 128, 2], name: "one" }),
      tf.layers.conv3d({ ...conv, name: "two" }),
    ];
    const model = tf.sequential({ layers });
    randomizeWeights(model, 2);
    const raw = await rawModelOf(model);
    const source = readLayersModel(raw);
    const options = {
      targets: [{ runtime: "node" as const }],
      tolerance: { atol: 1e-5, rtol: 1e-4 },
      batches: [1],
      seed: 1,
    };
    return [raw, source, exportSource(source).bytes, { ...options, timeLimit: 12 }];
  }

  test("is compared at smaller ones, and the answer says so", async () => {
    const { passed, runs, leftOut } = await verifyModel(...(await volume()));
    expect([passed, runs.length]).toEqual([true, 1]);
    expect(leftOut?.[0]).toMatch(
      /^batch 1 at the shapes that the model fixes: .* its export for one_input of \[1, \d+, \d+, \d+, 2\] is compared instead$/,
    );
  });

  test("is not verified where the file is another program's", async () => {
    const [raw, source, onnx, options] = await volume();
    const other = Uint8Array.from([...onnx, 0x12, 0x01, 0x78]);
    await expect(verifyModel(raw, source, other, options)).rejects.toThrow(/could not be verified in 12 seconds/);
  });
});

test("sizes of 0 that a runtime refuses are named once, without those that hold a smaller part", async () => {
  const zero = (...names: readonly string[]): PlannedRun => ({
    ...planned(1, 1),
    sizes: new Map(["batch", "a", "b"].map((name) => [name, names.includes(name) ? 0 : 2])),
    mayBeRefused: true,
  });
  const refusing: Session = { ...session, run: () => Promise.reject(new InferenceError("no elements")) };
  const { notes } = await runPlan(
    {
      sessions: [refusing],
      specs: [],
      tolerance: { atol: 1e-5, rtol: 0 },
      seed: 1,
      leftOutSoftmax: [null],
      reference: reference(() => Promise.resolve([answer])),
      clock: new Clock({ limit: 10 }),
    },
    [zero("a"), zero("b"), zero("a", "b")],
  );
  expect(notes).toEqual(["node/cpu refuses inputs without elements, which TF.js computes: a, or b of 0"]);
});

describe("outputs that TF.js's own rounding changes", () => {
  /** Its numbers change by up to 5e-4 when x changes by a millionth, and still by more than the tolerance on x sixteen times smaller. */
  const steep = (x: Float32Array, error: number): Tensor =>
    float32(
      x.map((value) => Math.tanh(3000 * value) * Math.abs(Math.sin(40_000 * value)) + error),
      [4],
    );
  const compared = async (error: number): Promise<PlanResult> => {
    const xOf = ({ x }: Readonly<Record<string, Tensor>>): Float32Array =>
      x?.dtype === "float32" ? x.data : new Float32Array(4);
    const off: Session = { ...session, run: (feeds) => Promise.resolve({ y: steep(xOf(feeds), error) }) };
    return runPlan(
      {
        sessions: [off],
        specs: [{ name: "x", dtype: "float32", dims: [4], domain: { kind: "normal" } }],
        tolerance: { atol: 1e-5, rtol: 0 },
        seed: 1,
        leftOutSoftmax: [null],
        reference: reference((feeds) => Promise.resolve([steep(xOf(feeds), 0)])),
        clock: new Clock({ limit: 10 }),
      },
      [{ ...planned(1, 1), sizes: new Map() }],
    );
  };

  test("may differ by a few times as much, and the answer says so", async () => {
    const { failure, notes } = await compared(1e-4);
    expect(failure).toBeNull();
    expect(notes.at(-1)).toMatch(/^numbers may differ by 5 times what TF\.js's own answer changes by .* at most \d/);
  });

  test("may not differ by more than a hundredth of the largest", async () => {
    expect((await compared(0.05)).failure).not.toBeNull();
  });
});
