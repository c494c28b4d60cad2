import { spawn } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterAll, beforeAll, expect, test } from "vitest";

import { attr, GraphMaker, signature } from "../export/graph/graph-maker.ts";
import { bin, runCommand } from "../helpers/command.ts";

const folder = mkdtempSync(join(tmpdir(), "tfjs-to-onnx-loops-"));
const onnx = join(folder, "model.onnx");
const F = { T: attr.type("DT_FLOAT") };

/** Counts in float32 from 0 up to a limit; the sum of two and one half never reaches 2 ** 26. */
beforeAll(() => {
  const outputs = signature({ count: "loop:0" }, { limit: "limit:0" });
  const { modelTopology, weightSpecs, weightData } = new GraphMaker()
    .placeholder("limit")
    .const("zero", "float32", [0])
    .weight("step", "float32", [0.5])
    .func({
      name: "isBelow",
      inputs: ["count", "limit"],
      returns: ["below:z:0"],
      nodes: [{ name: "below", op: "Less", input: ["count", "limit"], attr: F }],
    })
    .func({
      name: "next",
      inputs: ["count", "limit"],
      returns: ["sum:z:0", "limit"],
      nodes: [
        { name: "step", op: "Const", attr: { dtype: attr.type("DT_FLOAT") } },
        { name: "sum", op: "AddV2", input: ["count", "step:output:0"], attr: F },
      ],
    })
    .node("loop", "StatelessWhile", ["zero", "limit"], { cond: attr.func("isBelow"), body: attr.func("next") })
    .artifacts();
  const weightsManifest = [{ paths: ["w.bin"], weights: weightSpecs }];
  const model = { format: "graph-model", modelTopology, weightsManifest, signature: outputs };
  writeFileSync(join(folder, "model.json"), JSON.stringify(model));
  writeFileSync(join(folder, "w.bin"), new Uint8Array(weightData));
  writeFileSync(join(folder, "few.json"), "2.25");
  writeFileSync(join(folder, "endless.json"), String(2 ** 26));
  const { status, stderr } = runCommand(["export", folder, "--no-verify", "--out", onnx]);
  if (status !== 0) throw new Error(stderr);
});

afterAll(() => rmSync(folder, { recursive: true }));

function inferOf(limit: string, model: string, out: string): string[] {
  return ["infer", "--model", model, "--tensor", `limit=${join(folder, limit)}`, "--out", join(folder, out)];
}

/** The runtime web goes the way of node. */
test.each([
  ["node", onnx],
  ["tfjs", join(folder, "model.json")],
])("on %s a loop that ends gives its numbers, and one that does not is given up in time", (runtime, model) => {
  const place = ["--runtime", runtime, "--provider", "cpu"];
  const ended = runCommand([...inferOf("few.json", model, runtime), ...place, "--json"]);
  expect(ended.stderr).not.toContain("error");
  const [output] = readFloats(join(folder, runtime, "count.npy"));
  expect(output).toBe(2.5);
  const args = [...inferOf("endless.json", model, `${runtime}-endless`), ...place, "--time-limit", "1"];
  const { status, stdout, stderr } = runCommand(args, { timeout: 60_000 });
  expect(stderr).toContain("error: the model has a loop, and a run of it did not end within 1 s\nhint: ");
  expect([status, stdout, existsSync(join(folder, `${runtime}-endless`))]).toEqual([1, "", false]);
});

test("Ctrl-C ends a loop that does not end, and the process that computes it", async () => {
  const child = spawn(process.execPath, [bin, ...inferOf("endless.json", onnx, "interrupted")], {
    stdio: ["ignore", "ignore", "pipe"],
  });
  // The pipe is closed when both processes are gone.
  const closed = new Promise<unknown>((done) => child.once("close", (_, signal) => done(signal)));
  await new Promise((soon) => setTimeout(soon, 1500));
  child.kill("SIGINT");
  expect(await closed).toBe("SIGINT");
});

/** The elements of a float32 .npy file. */
function readFloats(path: string): Float32Array {
  const bytes = readFileSync(path);
  const start = 10 + bytes.readUInt16LE(8);
  return new Float32Array(new Uint8Array(bytes.subarray(start)).buffer);
}
