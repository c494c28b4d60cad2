import * as tf from "@tensorflow/tfjs";
import * as ortNode from "onnxruntime-node";
import * as ortWeb from "onnxruntime-web";

import type { ExportedModel } from "../../../src/export/export-model.ts";
import type { Ort } from "../../../src/infer/ort-session.ts";
import { fromOrt, toOrt } from "../../../src/infer/ort-tensor.ts";
import type { Tensor } from "../../../src/tensor.ts";

import { artifactsOf, fetchName, prefixOf, type CaseInput, type Freedom, type OpCase } from "./op-case.ts";

/** Runs cases in TF.js and, exported, in ONNX Runtime; says what differs. */

tf.enableProdMode();
ortWeb.env.wasm.numThreads = 1;
ortWeb.env.logLevel = "error";

export type CaseRuntime = "node" | "web";

const RUNTIMES: Readonly<Record<CaseRuntime, { readonly ort: Ort; readonly provider: string }>> = {
  node: { ort: ortNode, provider: "cpu" },
  web: { ort: ortWeb, provider: "wasm" },
};

/** Exports a GraphModel. */
export type ExportCase = (artifacts: tf.io.ModelArtifacts) => Promise<ExportedModel>;

export interface Failure {
  /** The case, and how it was exported. */
  readonly where: string;
  readonly reason: string;
}

/** What TF.js's CPU backend computes. @throws what TF.js throws. */
export async function runTfjs(given: OpCase): Promise<Tensor[]> {
  if (tf.getBackend() !== "cpu") await tf.setBackend("cpu");
  const prefix = prefixOf(0);
  const model = await tf.loadGraphModel(tf.io.fromMemory(artifactsOf([given], "fixed")));
  const feeds = Object.fromEntries(
    Object.entries(given.inputs)
      .filter(([, input]) => !input.constant)
      .map(([key, input]): [string, tf.Tensor] => [prefix + key, tensorOf(input)]),
  );
  const names = given.fetch.map((name) => fetchName(prefix, name));
  let results: tf.Tensor[] = [];
  try {
    results = asList(await execute(model, feeds, names));
    return results.map(readTensor);
  } finally {
    for (const tensor of [...Object.values(feeds), ...results]) tensor.dispose();
    model.dispose();
  }
}

async function execute(
  model: tf.GraphModel,
  feeds: tf.NamedTensorMap,
  names: string[],
): Promise<tf.Tensor | tf.Tensor[]> {
  try {
    return model.execute(feeds, names);
  } catch (error) {
    if (error instanceof Error && error.message.includes("executeAsync")) return model.executeAsync(feeds, names);
    throw error;
  }
}

function asList(value: tf.Tensor | tf.Tensor[]): tf.Tensor[] {
  return Array.isArray(value) ? value : [value];
}

function tensorOf(input: CaseInput): tf.Tensor {
  const shape = [...input.shape];
  if (input.dtype === "string") return tf.tensor(input.values.map(String), shape, "string");
  const numbers = input.values.map(Number);
  if (input.dtype === "complex64") throw new TypeError("feed complex64 as two float32 inputs and a Complex node");
  return tf.tensor(numbers, shape, input.dtype);
}

function readTensor(tensor: tf.Tensor): Tensor {
  const dims = [...tensor.shape];
  if (tensor.dtype === "string") {
    const data: string[] = [];
    for (const text of tensor.dataSync<"string">()) data.push(text);
    return { dtype: "string", dims, data };
  }
  const data = tensor.dataSync();
  if (tensor.dtype === "int32") return { dtype: "int32", dims, data: Int32Array.from(data) };
  if (tensor.dtype === "bool") return { dtype: "bool", dims, data: Uint8Array.from(data) };
  if (tensor.dtype === "float32") return { dtype: "float32", dims, data: Float32Array.from(data) };
  throw new TypeError(`fetch the parts of a ${tensor.dtype} tensor with Real and Imag`);
}

function feedOf(input: CaseInput): Tensor {
  const { dtype, shape: dims } = input;
  if (dtype === "string") return { dtype, dims, data: input.values.map(String) };
  const numbers = input.values.map(Number);
  if (dtype === "int32") return { dtype, dims, data: Int32Array.from(numbers) };
  if (dtype === "bool") return { dtype, dims, data: Uint8Array.from(numbers) };
  return { dtype: "float32", dims, data: Float32Array.from(numbers) };
}

export interface Computed {
  readonly given: OpCase;
  readonly expected: readonly Tensor[];
}

/** Checks cases that TF.js is said to refuse, and computes the others. */
export async function computeAll(cases: readonly OpCase[], failures: Failure[]): Promise<Computed[]> {
  const computed: Computed[] = [];
  for (const given of cases) {
    try {
      const expected = await runTfjs(given);
      if (given.tfjsThrows !== null) failures.push({ where: given.name, reason: "TF.js computed it" });
      else computed.push({ given, expected });
    } catch (error) {
      const message = messageOf(error);
      if (given.tfjsThrows === null) failures.push({ where: given.name, reason: `TF.js throws: ${message}` });
      else if (!given.tfjsThrows.test(message)) {
        failures.push({ where: given.name, reason: `TF.js throws something else: ${message}` });
      }
    }
  }
  return computed;
}

/** Runs every case in TF.js alone. */
export async function checkTfjs(cases: readonly OpCase[]): Promise<Failure[]> {
  const failures: Failure[] = [];
  await computeAll(cases, failures);
  return failures;
}

/**
 * Compares every case's export with TF.js on each runtime. Cases share a model where that works; when the model fails as a
 * whole, each case is tried alone, so that the failure names the case.
 */
export async function checkCases(
  cases: readonly OpCase[],
  exportCase: ExportCase,
  runtimes: readonly CaseRuntime[] = ["node", "web"],
): Promise<Failure[]> {
  const failures: Failure[] = [];
  const computed = await computeAll(cases, failures);
  for (const given of cases.filter(({ refused }) => refused !== null)) await checkRefusal(given, exportCase, failures);
  await compareAll(computed, exportCase, runtimes, failures);
  return failures;
}

/** As {@link checkCases}, with cases that TF.js has computed before. */
export async function compareAll(
  computed: readonly Computed[],
  exportCase: ExportCase,
  runtimes: readonly CaseRuntime[],
  failures: Failure[],
): Promise<void> {
  const exported = computed.filter(({ given: { skipped, refused } }) => skipped === null && refused === null);
  for (const free of ["fixed", "batch", "all"] as const) {
    const group = exported.filter(({ given }) => given.free.includes(free));
    if (group.length > 0) await checkGroup(group, free, exportCase, runtimesOf(free, runtimes), failures);
  }
}

/** Free sizes change how a model is written, not which kernels run: one runtime is enough for those. */
function runtimesOf(free: Freedom, runtimes: readonly CaseRuntime[]): readonly CaseRuntime[] {
  return free === "fixed" ? runtimes : runtimes.slice(0, 1);
}

async function checkRefusal(given: OpCase, exportCase: ExportCase, failures: Failure[]): Promise<void> {
  try {
    await exportCase(artifactsOf([given], "fixed"));
    failures.push({ where: given.name, reason: `exported; expected to be refused with ${String(given.refused)}` });
  } catch (error) {
    const message = messageOf(error);
    if (given.refused?.test(message) !== true) failures.push({ where: given.name, reason: `refused with: ${message}` });
  }
}

async function checkGroup(
  group: readonly Computed[],
  free: Freedom,
  exportCase: ExportCase,
  runtimes: readonly CaseRuntime[],
  failures: Failure[],
): Promise<void> {
  const found: Failure[] = [];
  try {
    const exported = await exportCase(
      artifactsOf(
        group.map(({ given }) => given),
        free,
      ),
    );
    for (const runtime of runtimes) await runGroup(group, exported, runtime, free, found);
  } catch (error) {
    const [first, ...others] = group;
    if (first === undefined) return;
    if (others.length === 0) {
      failures.push({ where: `${first.given.name} (${free})`, reason: messageOf(error) });
      return;
    }
    // Some case makes the model as a whole fail; halves find it in few exports.
    const middle = Math.ceil(group.length / 2);
    await checkGroup(group.slice(0, middle), free, exportCase, runtimes, failures);
    await checkGroup(group.slice(middle), free, exportCase, runtimes, failures);
    return;
  }
  failures.push(...found);
}

async function runGroup(
  group: readonly Computed[],
  exported: ExportedModel,
  runtime: CaseRuntime,
  free: Freedom,
  failures: Failure[],
): Promise<void> {
  const { ort, provider } = RUNTIMES[runtime];
  const session = await ort.InferenceSession.create(exported.bytes, {
    executionProviders: [provider],
    logSeverityLevel: 3,
    intraOpNumThreads: 1,
    interOpNumThreads: 1,
    extra: { session: { strict_shape_type_inference: "1" } },
  });
  try {
    const feeds = Object.fromEntries(
      group.flatMap(({ given }, index) =>
        Object.entries(given.inputs)
          .map(([key, input]) => ({ name: prefixOf(index) + key, input }))
          .filter(({ name, input }) => !input.constant && exported.inputs.some((declared) => declared.name === name))
          .map(({ name, input }): [string, InstanceType<typeof ort.Tensor>] => [
            name,
            toOrt(ort.Tensor, feedOf(input)),
          ]),
      ),
    );
    const results = await session.run(feeds);
    let place = 0;
    for (const [index, { given, expected }] of group.entries()) {
      for (const [output, key] of given.fetch.entries()) {
        // The exporter gives the outputs in the order of the signature, under names of its own.
        const name = exported.outputs[place++]?.name ?? `${fetchName(prefixOf(index), key)} (missing)`;
        const want = expected[output];
        const got = results[name];
        const where = `${given.name} (${free}, ${runtime}) ${key}`;
        if (want === undefined) throw new TypeError(`TF.js gave no ${name}`);
        const reason = got === undefined ? `no output ${name}` : difference(fromOrt(got, name), want, given.tolerance);
        if (reason !== null) failures.push({ where, reason });
      }
    }
  } finally {
    await session.release();
  }
}

/** What differs; null when nothing does. A number never equals a NaN. */
export function difference(got: Tensor, want: Tensor, tolerance: OpCase["tolerance"]): string | null {
  if (got.dtype !== want.dtype) return `expected ${want.dtype}, got ${got.dtype}`;
  if (got.dims.join() !== want.dims.join()) return `expected [${want.dims.join()}], got [${got.dims.join()}]`;
  const misses: number[] = [];
  if (want.dtype === "float32" && got.dtype === "float32") {
    const range = want.data.reduce(
      (largest, value) => (Number.isFinite(value) ? Math.max(largest, Math.abs(value)) : largest),
      0,
    );
    for (const [index, value] of want.data.entries()) {
      const scale = tolerance.of === "range" ? range : Math.abs(value);
      if (!sameFloat(got.data[index], value, Math.max(tolerance.value * scale, ROUNDING))) misses.push(index);
    }
  } else {
    for (let index = 0; index < want.data.length; index++) {
      if (got.data[index] !== want.data[index]) misses.push(index);
    }
  }
  const [first] = misses;
  if (first === undefined) return null;
  const shown = misses.slice(0, 6).map((at) => `[${at}] ${String(want.data[at])} -> ${String(got.data[at])}`);
  return `${misses.length} of ${want.data.length} elements differ (TF.js -> ONNX): ${shown.join(", ")}`;
}

/** Below this, a difference is rounding whatever the element's own size. */
const ROUNDING = 1e-7;

function sameFloat(got: number | undefined, want: number, allowed: number): boolean {
  if (got === undefined) return false;
  if (Object.is(got, want) || got === want) return true;
  return Number.isFinite(want) && Math.abs(got - want) <= allowed;
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** One text for all failures. */
export function reportOf(failures: readonly Failure[]): string {
  return failures.map(({ where, reason }) => `${where}: ${reason}`).join("\n");
}
