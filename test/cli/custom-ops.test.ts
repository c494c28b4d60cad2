import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterAll, beforeAll, expect, test } from "vitest";

import { attr, GraphMaker, signature } from "../export/graph/graph-maker.ts";
import { bin, runNode, type Outcome } from "../helpers/command.ts";
import { writeDocumentedModules } from "../helpers/documented-modules.ts";

const folder = mkdtempSync(join(tmpdir(), "tfjs-to-onnx-custom-ops-"));
const F = { T: attr.type("DT_FLOAT") };

function node(...args: readonly string[]): Outcome {
  const env = { ...process.env, XDG_CACHE_HOME: join(folder, "cache") };
  return runNode(args, { cwd: folder, env, timeout: 60_000 });
}

/** The document's modules, and a model with two of its operators, of different attributes. */
beforeAll(() => {
  writeDocumentedModules("custom-ops.md", folder);
  const { modelTopology, weightSpecs, weightData } = new GraphMaker()
    .placeholder("x", "DT_FLOAT", [null, 3])
    .node("plain", "Swish", ["x"], F)
    .node("steep", "Swish", ["plain"], { ...F, beta: attr.float(2.5) })
    .node("out", "Tanh", ["steep"], F)
    .artifacts({ signature: signature({ out: "out:0" }) });
  if (!(weightData instanceof ArrayBuffer)) throw new Error("the maker gives one buffer");
  const model = {
    format: "graph-model",
    modelTopology,
    weightsManifest: [{ paths: ["w.bin"], weights: weightSpecs }],
    signature: signature({ out: "out:0" }),
  };
  writeFileSync(join(folder, "model.json"), JSON.stringify(model));
  writeFileSync(join(folder, "w.bin"), new Uint8Array(weightData));
});

afterAll(() => rmSync(folder, { recursive: true }));

test("the documented operator exports with --plugin, with TF.js's numbers on both runtimes", () => {
  const { status, stdout, stderr } = node(bin, "export", ".", "--plugin", "my-ops.mjs", "--json");
  expect(stderr).not.toContain("error");
  expect(status).toBe(0);
  expect(JSON.parse(stdout)).toMatchObject({ out: "model.onnx", verified: { passed: true } });
  const verified = node(bin, "verify", ".", "model.onnx", "--plugin", "my-ops.mjs", "--runtime", "node,web", "--json");
  expect(verified.status).toBe(0);
  const answer: unknown = JSON.parse(verified.stdout);
  expect(answer).toMatchObject({ passed: true });
  for (const runtime of ["node", "web"]) {
    expect(answer).toHaveProperty("runs", expect.arrayContaining([expect.objectContaining({ runtime })]));
  }
});

test("it exports from a program, by an option and by registerOp", () => {
  const script = `
import { readFileSync } from "node:fs";
import { exportTwice } from "./export.mjs";
const { weightsManifest, ...rest } = JSON.parse(readFileSync("model.json", "utf8"));
const weightData = new Uint8Array(readFileSync("w.bin")).buffer;
const [once, always] = await exportTwice({ ...rest, weightSpecs: weightsManifest[0].weights, weightData });
console.log(JSON.stringify({ bytes: once.length > 100, same: Buffer.compare(once, always) === 0 }));`;
  writeFileSync(join(folder, "run.mjs"), script);
  const { status, stdout, stderr } = node("run.mjs");
  expect(stderr).not.toContain("Error");
  expect(status).toBe(0);
  expect(JSON.parse(stdout.trim().split("\n").at(-1) ?? "")).toEqual({ bytes: true, same: true });
});

test("a converter that loses an attribute is found out, by the name of its node", () => {
  const code = readFileSync(join(folder, "my-ops.mjs"), "utf8").replace('float("beta", 1)', 'float("gamma", 1)');
  writeFileSync(join(folder, "wrong.mjs"), code);
  const { status, stdout } = node(bin, "export", ".", "--plugin", "wrong.mjs", "--out", "wrong.onnx", "--json");
  expect(status).toBe(1);
  expect(JSON.parse(stdout)).toMatchObject({ verified: { passed: false, firstDifference: { layer: "steep" } } });
});

test("without the plugin both nodes are named at once, and nothing is written", () => {
  const { status, stderr } = node(bin, "export", ".", "--out", "none.onnx");
  expect(status).toBe(1);
  for (const name of ["plain", "steep", "Swish", "--plugin"]) expect(stderr).toContain(name);
  expect(existsSync(join(folder, "none.onnx"))).toBe(false);
});

test.each([
  ["empty.mjs", "export default { tfOps: [], ops: [], convert() {} };", "must be a converter, or a list of them"],
  ["taken.mjs", "export default { tfOps: ['Relu'], ops: ['Relu'], convert() {} };", "Relu"],
])("the plugin %s is refused with a plain error", (name, code, message) => {
  writeFileSync(join(folder, name), code);
  const { status, stderr } = node(bin, "export", ".", "--plugin", name, "--out", "none.onnx");
  expect(status).toBe(1);
  expect(stderr).toContain(message);
  expect(stderr).not.toContain("    at ");
  expect(existsSync(join(folder, "none.onnx"))).toBe(false);
});
