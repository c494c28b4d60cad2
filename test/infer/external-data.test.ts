import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterAll, describe, expect, test } from "vitest";

import type { onnx } from "../../src/onnx/generated/decode.js";
import { readOnnxHeader } from "../../src/onnx/header.ts";
import { getRuntime } from "../../src/infer/runtimes.ts";
import { readOnnxFile } from "../../src/node/read-onnx.ts";
import { float32 } from "../../src/tensor.ts";
import { decodeOnnx, encodeOnnx } from "../helpers/onnx-proto.ts";
import { tinyOnnx } from "../helpers/tiny-onnx.ts";

const x = float32(Float32Array.of(10, 20), [2]);
/** The weights are the last two. */
const file = new Uint8Array(Float32Array.of(7, 7, 1, 2).buffer);
const expected = float32(Float32Array.of(11, 22), [2]);
const folder = mkdtempSync(join(tmpdir(), "tfjs-to-onnx-external-"));
afterAll(() => rmSync(folder, { recursive: true }));

function weights(location: string): onnx.ITensorProto {
  const entries = { location, offset: "8", length: "8" };
  return {
    name: "W",
    dims: [2],
    dataType: 1,
    dataLocation: 1,
    externalData: Object.entries(entries).map(([key, value]) => ({ key, value })),
  };
}

/** `y = x + W`, W being an initializer, a constant, or an initializer of the branch that an If takes. */
const models: Readonly<Record<"initializer" | "constant" | "branch", (location: string) => Uint8Array>> = {
  initializer: (location) => edited({ node: [add("y")], initializer: [weights(location)] }),
  constant: (location) => {
    const { name, ...value } = weights(location);
    const constant = { opType: "Constant", output: [name ?? ""], attribute: [{ name: "value", type: 4, t: value }] };
    return edited({ node: [constant, add("y")] });
  },
  branch: (location) => {
    const output = [{ name: "sum", type: { tensorType: { elemType: 1 } } }];
    const body = { name: "body", node: [add("sum")], initializer: [weights(location)], output };
    const other = { name: "other", node: [{ opType: "Neg", input: ["x"], output: ["sum"] }], output };
    const attribute = [
      { name: "then_branch", type: 5, g: body },
      { name: "else_branch", type: 5, g: other },
    ];
    const yes = { name: "yes", dims: [], dataType: 9, rawData: Uint8Array.of(1) };
    return edited({ node: [{ opType: "If", input: ["yes"], output: ["y"], attribute }], initializer: [yes] });
  },
};

function add(output: string): onnx.INodeProto {
  return { opType: "Add", input: ["x", "W"], output: [output] };
}

function edited(graph: onnx.IGraphProto): Uint8Array {
  const value = { dtype: "float32", dims: ["n"] } as const;
  const { graph: around, ...whole } = decodeOnnx(
    tinyOnnx({ inputs: [{ name: "x", ...value }], outputs: [{ name: "y", ...value }], nodes: [] }),
  );
  return encodeOnnx({ ...whole, graph: { ...around, ...graph } });
}

const kinds = ["initializer", "constant", "branch"] as const;

describe.each([await getRuntime("node"), await getRuntime("web")])("weights beside the file on $name", (runtime) => {
  async function answer(model: Uint8Array, location: string, data: Uint8Array): Promise<unknown> {
    const session = await runtime.load(model, { externalData: new Map([[location, data]]) });
    const { y } = await session.run({ x });
    await session.dispose();
    return y;
  }

  test.each(kinds.flatMap((kind) => ["w.data", "./w.data", "sub/w.data"].map((location) => ({ kind, location }))))(
    "of the $kind in $location",
    async ({ kind, location }) => {
      const model = models[kind](location);
      expect(readOnnxHeader(model).externalData).toEqual([location]);
      expect(await answer(model, location, file)).toEqual(expected);
    },
  );

  test.each(kinds)("missing or cut short, of the %s", async (kind) => {
    const model = models[kind]("w.data");
    await expect(runtime.load(model)).rejects.toThrow("weights in files beside it that were not given: w.data");
    await expect(answer(model, "w.data", file.subarray(0, 12))).rejects.toMatchObject({ name: "InferenceError" });
  });
});

test("a weight file's name may begin with two dots, but it may not lead out of the folder", async () => {
  writeFileSync(join(folder, "..w.data"), file);
  writeFileSync(join(folder, "m.onnx"), models.branch("..w.data"));
  expect((await readOnnxFile(join(folder, "m.onnx"))).externalData.get("..w.data")).toEqual(Buffer.from(file));
  for (const location of ["../w.data", "..", "a/../../w.data", "/etc/passwd"]) {
    writeFileSync(join(folder, "out.onnx"), models.constant(location));
    await expect(readOnnxFile(join(folder, "out.onnx"))).rejects.toThrow(
      `the model keeps weights outside its own folder: ${location}`,
    );
  }
});

describe("a weight file beside a model on disk", () => {
  const outside = mkdtempSync(join(tmpdir(), "tfjs-to-onnx-outside-"));
  afterAll(() => rmSync(outside, { recursive: true }));
  writeFileSync(join(outside, "w.data"), file);
  const at = (location: string, name = "linked.onnx"): string => {
    const path = join(folder, name);
    writeFileSync(path, models.initializer(location));
    return path;
  };

  test.each(["leads-out", "folder-out/w.data"])(
    "may not be reached by a link out of the folder: %s",
    async (location) => {
      rmSync(join(folder, location.split("/")[0] ?? ""), { force: true });
      symlinkSync(
        location.includes("/") ? outside : join(outside, "w.data"),
        join(folder, location.split("/")[0] ?? ""),
      );
      await expect(readOnnxFile(at(location))).rejects.toThrow(
        `the model keeps weights outside its own folder: ${location}`,
      );
    },
  );

  test("may be a link within the folder", async () => {
    writeFileSync(join(folder, "real.data"), file);
    symlinkSync("real.data", join(folder, "within.data"));
    expect((await readOnnxFile(at("within.data"))).externalData.get("within.data")).toEqual(Buffer.from(file));
  });

  test("may be where the model itself is linked to, as in a cache of Hugging Face", async () => {
    writeFileSync(join(outside, "blob"), models.initializer("snapshot.data"));
    symlinkSync(join(outside, "blob"), join(folder, "snapshot.onnx"));
    symlinkSync(join(outside, "w.data"), join(folder, "snapshot.data"));
    const { externalData } = await readOnnxFile(join(folder, "snapshot.onnx"));
    expect(externalData.get("snapshot.data")).toEqual(Buffer.from(file));
  });

  test("must be a regular file: a pipe or a folder is refused at once", async () => {
    spawnSync("mkfifo", [join(folder, "pipe")]);
    for (const location of ["pipe", "."]) {
      await expect(readOnnxFile(at(location))).rejects.toThrow(
        `the weight file ${location} of the model cannot be read: it is not a regular file`,
      );
    }
  });

  test("that is missing is named by the runtime", async () => {
    expect((await readOnnxFile(at("missing.data"))).externalData.size).toBe(0);
  });
});
