import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterAll, beforeAll, expect, test } from "vitest";

import { bin, runNode, type Outcome } from "../helpers/command.ts";
import { writeDocumentedModules } from "../helpers/documented-modules.ts";

const folder = mkdtempSync(join(tmpdir(), "tfjs-to-onnx-custom-"));

/** A model of the two layers of the document, as TF.js saves it; its export as a program, both ways. */
const SAVE = `
import { writeFileSync } from "node:fs";
import * as tf from "@tensorflow/tfjs";
import { Antirectifier, ScaledSine } from "./layers.mjs";
import { exportTwice } from "./export.mjs";

const input = tf.input({ shape: [6, 5, 3], name: "image" });
const conv = tf.layers.conv2d({ filters: 4, kernelSize: 3, padding: "same", name: "conv" }).apply(input);
const waves = new ScaledSine({ frequency: 2.5, name: "waves" }).apply(conv);
const both = new Antirectifier({ name: "both" }).apply(waves);
const twice = tf.layers.timeDistributed({ layer: new ScaledSine({ frequency: 0.5 }), name: "rows" }).apply(both);
const last = tf.layers.dense({ units: 2, name: "last" }).apply(tf.layers.flatten().apply(twice));
const model = tf.model({ inputs: input, outputs: last });
model.weights.forEach((weight, index) => weight.write(tf.randomUniform(weight.shape, -0.5, 0.5, "float32", index + 1)));
await model.save(
  tf.io.withSaveHandler(async ({ modelTopology, weightSpecs, weightData }) => {
    writeFileSync("model.json", JSON.stringify({ modelTopology, weightsManifest: [{ paths: ["w.bin"], weights: weightSpecs }] }));
    writeFileSync("w.bin", new Uint8Array(tf.io.CompositeArrayBuffer.join(weightData)));
    return { modelArtifactsInfo: { dateSaved: new Date(), modelTopologyType: "JSON" } };
  }),
);
const [once, again] = await exportTwice(model);
console.log(JSON.stringify({ bytes: once.length, same: Buffer.compare(once, again) === 0 }));
`;

function node(...args: readonly string[]): Outcome {
  const env = { ...process.env, XDG_CACHE_HOME: join(folder, "cache") };
  return runNode(args, { cwd: folder, env, timeout: 60_000 });
}

/** The files of docs/custom-layers.md, and a program that saves a model of its layers. */
function writeExample(): void {
  writeDocumentedModules("custom-layers.md", folder);
  writeFileSync(join(folder, "save.mjs"), SAVE);
}

let saved: Outcome = { status: null, signal: null, stdout: "", stderr: "" };

beforeAll(() => {
  writeExample();
  saved = node("save.mjs");
});

afterAll(() => rmSync(folder, { recursive: true }));

test("the documented layers export from a program, by an option and by registerLayer", () => {
  expect(saved.stderr).not.toContain("Error");
  expect(saved.status).toBe(0);
  const last = saved.stdout.trim().split("\n").at(-1) ?? "";
  expect(JSON.parse(last)).toMatchObject({ same: true });
});

test("they export on the command line with --plugin, with TF.js's numbers on both runtimes", () => {
  const { status, stdout, stderr } = node(bin, "export", ".", "--plugin", "my-layers.mjs", "--json");
  expect(stderr).not.toContain("error");
  expect(status).toBe(0);
  expect(JSON.parse(stdout)).toMatchObject({ out: "model.onnx", verified: { passed: true } });
  const args = ["verify", ".", "model.onnx", "--plugin", "my-layers.mjs", "--runtime", "node,web", "--json"];
  const verified = node(bin, ...args);
  expect(verified.status).toBe(0);
  const answer: unknown = JSON.parse(verified.stdout);
  expect(answer).toMatchObject({ passed: true });
  for (const runtime of ["node", "web"]) {
    expect(answer).toHaveProperty("runs", expect.arrayContaining([expect.objectContaining({ runtime })]));
  }
});

test("a converter that computes something else is found out, by the name of its layer", () => {
  const code = readFileSync(join(folder, "my-layers.mjs"), "utf8").replaceAll('"Sin"', '"Cos"');
  writeFileSync(join(folder, "wrong.mjs"), code);
  const { status, stdout } = node(bin, "export", ".", "--plugin", "wrong.mjs", "--out", "wrong.onnx", "--json");
  expect(status).toBe(1);
  expect(JSON.parse(stdout)).toMatchObject({ verified: { passed: false, firstDifference: { layer: "waves" } } });
});

test("without the plugin every layer that lacks a converter is named at once, and nothing is written", () => {
  const { status, stderr } = node(bin, "export", ".", "--out", "none.onnx");
  expect(status).toBe(1);
  expect(stderr).toContain("3 layers cannot be converted");
  for (const name of ["waves (ScaledSine)", "both (Antirectifier)", "rows (TimeDistributed)"])
    expect(stderr).toContain(name);
  expect(stderr).toContain("registerLayer");
  expect(existsSync(join(folder, "none.onnx"))).toBe(false);
});

test.each([
  ["missing.mjs", null, "cannot find the plugin missing.mjs"],
  ["broken.mjs", "export default {", "the plugin broken.mjs cannot be loaded"],
  ["throws.mjs", "throw new Error('by itself');", "by itself"],
  ["other.mjs", "export default { className: 'ScaledSine' };", "must be a converter, or a list of them"],
  [
    "dense.mjs",
    "import c from './my-layers.mjs'; export default { ...c[0], className: 'Dense' };",
    "class Dense have a converter already",
  ],
])("the plugin %s is refused with a plain error", (name, code, message) => {
  if (code !== null) writeFileSync(join(folder, name), code);
  const { status, stderr } = node(bin, "export", ".", "--plugin", name, "--out", "none.onnx");
  expect(status).toBe(1);
  expect(stderr).toContain(message);
  expect(stderr).not.toContain("    at ");
  expect(existsSync(join(folder, "none.onnx"))).toBe(false);
});
