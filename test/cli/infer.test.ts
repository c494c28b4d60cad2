import { spawn, spawnSync, type ChildProcessWithoutNullStreams } from "node:child_process";
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { text } from "node:stream/consumers";

import sharp from "sharp";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";

import { renderedDigits } from "../../src/data/digits/rendered-digits.ts";
import { RECOGNIZER_KEY, type Recognizer } from "../../src/metadata.ts";
import { decodeNpy, encodeNpy } from "../../src/node/npy.ts";
import { bin, runCommand, type Outcome } from "../helpers/command.ts";
import { smallDense, tinyOnnx } from "../helpers/tiny-onnx.ts";

const folder = mkdtempSync(join(tmpdir(), "tfjs-to-onnx-infer-"));
const model = resolve(import.meta.dirname, "../../models/crnn-mnist/model.onnx");
const set = renderedDigits({ split: "test", seed: 9, count: 8 });

function infer(args: readonly string[], input = ""): Outcome {
  return runCommand(["infer", "--model", model, ...args], { cwd: folder, input, timeout: 60_000 });
}

/** A PNG, `scale` times as large as MNIST's pictures are, and their negative when `dark`. */
async function writePicture(name: string, index: number, scale: number, dark: boolean): Promise<void> {
  const pixels = set.pixels(index);
  const side = 28 * scale;
  const data = Buffer.alloc(side * side);
  for (let at = 0; at < data.length; at++) {
    const value = pixels[Math.floor(Math.floor(at / side) / scale) * 28 + Math.floor((at % side) / scale)] ?? 0;
    data[at] = dark ? 255 - value : value;
  }
  await sharp(data, { raw: { width: side, height: side, channels: 1 } })
    .png()
    .toFile(join(folder, name));
}

beforeAll(async () => {
  for (let index = 0; index < 4; index++) {
    await writePicture(`plain${index}.png`, index, 1, false);
    await writePicture(`large${index}.png`, index, 6, true);
  }
  writeFileSync(join(folder, "bad.png"), "not a picture");
  for (const name of ["-dash.png", "new\nline.png"]) copyFileSync(join(folder, "plain0.png"), join(folder, name));
  mkdirSync(join(folder, "empty"));
});

afterAll(() => rmSync(folder, { recursive: true }));

function parsed(stdout: string): Map<string, unknown>[] {
  return stdout
    .trim()
    .split("\n")
    .map((line) => {
      const value: unknown = JSON.parse(line);
      if (typeof value !== "object" || value === null) throw new TypeError(`not an object: ${line}`);
      return new Map<string, unknown>(Object.entries(value));
    });
}

test("takes a model's folder as well as its file", () => {
  const run = runCommand(["infer", "--model", dirname(model), "plain0.png", "--json"], { cwd: folder });
  expect(run.status).toBe(0);
  expect(parsed(run.stdout)).toEqual(parsed(infer(["plain0.png", "--json"]).stdout));
});

test("reads a picture alike whatever its size and polarity", () => {
  const names = [0, 1, 2, 3].flatMap((index) => [`plain${index}.png`, `large${index}.png`]);
  const { status, stdout } = infer([...names, "--json"]);
  const lines = parsed(stdout);
  expect(status).toBe(0);
  expect(lines.map((line) => line.get("input"))).toEqual(names);
  for (let index = 0; index < 8; index += 2) expect(lines[index + 1]?.get("text")).toBe(lines[index]?.get("text"));
  expect(lines[0]?.get("provider")).toBe("cpu");
});

test("a bad file is a line of its own, in order, and the exit code says so", () => {
  const { status, stdout, stderr } = infer(["-", "--json", "--batch-size", "1"], "plain0.png\nbad.png\nplain1.png\n");
  const lines = parsed(stdout);
  expect(status).toBe(3);
  expect(lines.map((line) => line.get("input"))).toEqual(["plain0.png", "bad.png", "plain1.png"]);
  expect(lines[1]?.get("error")).toMatch(/^not an image: /);
  expect(stderr).toMatch(/2 of 3 images read \(1 failed\) in .* by node on cpu/);
});

test("what names nothing is an error line, and the rest is read", () => {
  const { status, stdout, stderr } = infer(["none*.png", "plain0.png", "nothere.png", "empty", "--json"]);
  expect(status).toBe(3);
  expect(parsed(stdout).map((line) => line.get("error"))).toEqual([
    "no file matches this pattern",
    undefined,
    "cannot be read: there is no such file",
    "no pictures in this folder: PNG, JPEG, WebP, GIF, TIFF and AVIF are looked for",
  ]);
  expect(stderr).toMatch(/^1 of 4 images read \(3 failed\) in .* by node on cpu \(model: .*\)\n$/);
});

test("the shipped recogniser is sure of a digit, and unsure of what is none", async () => {
  const draw = async (name: string, path: string): Promise<void> => {
    const stroke = `<path d="${path}" fill="none" stroke="black" stroke-width="14" stroke-linecap="round"/>`;
    const svg = `<svg xmlns="http://www.w3.org/2000/svg" width="300" height="300"><rect width="300" height="300" fill="white"/>${stroke}</svg>`;
    await sharp(Buffer.from(svg)).png().toFile(join(folder, name));
  };
  await draw("seven.png", "M80 80 L220 80 L140 240");
  await draw("scribble.png", "M60 80C200 20 250 200 90 150S240 280 150 120S40 220 220 230S150 60 100 260");
  await draw("cross.png", "M60 60L240 240M240 60L60 240");
  const names = ["seven.png", "scribble.png", "cross.png"];
  const lines = runCommand(["infer", ...names], { cwd: folder }).stdout;
  expect(lines).toMatch(
    /^seven.png: 7 \(9\d\.\d\d %\)\nscribble.png: unsure \(\d\? \d\.\d\d %\)\ncross.png: unsure \(/,
  );
  const [seven, scribble] = parsed(runCommand(["infer", ...names, "--json"], { cwd: folder }).stdout);
  expect([seven?.get("unsure"), scribble?.get("unsure")]).toEqual([undefined, true]);
  expect(seven?.get("confidence")).toBeGreaterThan(0.9);
  expect(scribble?.get("confidence")).toBeLessThan(0.1);
});

test("--quiet leaves answers and what could not be read, and no summary", () => {
  const { status, stdout, stderr } = infer(["plain0.png", "nothere.png", "--quiet"]);
  expect(status).toBe(3);
  expect(stdout).toMatch(/^plain0.png: \d .*\n$/);
  expect(stderr).toBe("nothere.png: cannot be read: there is no such file\n");
});

test("an ONNX file that is older than the model.json beside it is run with a warning", () => {
  const beside = join(folder, "stale");
  mkdirSync(beside);
  copyFileSync(model, join(beside, "model.onnx"));
  copyFileSync(join(dirname(model), "model.json"), join(beside, "model.json"));
  const warned = (jsonSeconds: number): string => {
    utimesSync(join(beside, "model.onnx"), 1_000_000, 1_000_000);
    utimesSync(join(beside, "model.json"), jsonSeconds, jsonSeconds);
    return runCommand(["infer", "--model", "stale", "plain0.png"], { cwd: folder }).stderr;
  };
  expect(warned(1_000_005)).toContain(
    `warning: ${join("stale", "model.onnx")} is older than ${join("stale", "model.json")}`,
  );
  expect(warned(999_999)).not.toContain("warning");
});

test("names with line breaks come from a list with NULs, those with a dash after --", () => {
  const { status, stdout } = infer(["-", "--null"], "new\nline.png\0plain0.png");
  expect(status).toBe(0);
  expect(stdout).toMatch(/^"new\\nline.png": \d \(.*\)\nplain0.png: \d /);
  expect(infer(["--", "-dash.png"]).stdout).toMatch(/^-dash.png: \d /);
});

test("an empty list has all its answers, and is noted", () => {
  const { status, stdout, stderr } = infer(["-", "--json"]);
  expect({ status, stdout }).toEqual({ status: 0, stdout: "" });
  expect(stderr).toContain("the list on stdin is empty");
});

test("JSON lines give their id back as it was, in order, and every line is answered", () => {
  const picture = readFileSync(join(folder, "plain1.png"));
  const lines = [
    '{"id":9007199254740993,"input":"plain0.png"}',
    "large0.png",
    JSON.stringify({ id: { day: "a" }, input: picture.toString("base64") }),
    '{"id":3,"input":"nothere.png"}',
    '{"id":4,"inp',
    "",
    `{"id":6,"input":"data:image/png;base64,${picture.toString("base64")}"}`,
    '{"id":"é","input":"bad.png"}',
  ];
  const args = ["-", "--json", "--keep-going", "--threads", "1", "--workers", "0", "--batch-size", "2"];
  const { status, stdout, stderr } = infer(args, lines.join("\n"));
  expect(status).toBe(0);
  const answers = stdout.trim().split("\n");
  expect(answers[0]).toMatch(/^\{"id":9007199254740993,"input":"plain0.png","text":/);
  const found = parsed(stdout);
  expect(found.map((line) => line.get("id"))).toEqual([
    2 ** 53,
    undefined,
    { day: "a" },
    3,
    undefined,
    undefined,
    6,
    "é",
  ]);
  expect(found.map((line) => line.has("error"))).toEqual([false, false, false, true, true, true, false, true]);
  const [alone] = parsed(infer(["plain1.png", "--json"]).stdout);
  for (const index of [2, 6]) expect(found[index]?.get("text")).toBe(alone?.get("text"));
  expect(found[4]?.get("input")).toBe('{"id":4,"inp');
  expect(stderr).toContain("4 of 8 images read (4 failed)");
  // Without the option the exit code tells; a line that is empty counts for nothing then.
  const strict = infer(["-", "--json"], lines.join("\n"));
  expect(strict.status).toBe(3);
  expect(parsed(strict.stdout)).toHaveLength(7);
});

test("the run itself is what fails without a model, without a list, or with a NUL for a newline", () => {
  const engine = ["-", "--json", "--keep-going"];
  expect(runCommand(["infer", "--model", "gone.onnx", ...engine], { cwd: folder, input: "plain0.png" })).toMatchObject({
    status: 1,
    stdout: "",
  });
  const script = 'exec "$@" < .';
  const noList = spawnSync("sh", ["-c", script, "sh", process.execPath, bin, "infer", "--model", model, ...engine], {
    cwd: folder,
    encoding: "utf8",
  });
  expect(noList).toMatchObject({ status: 1, stdout: "" });
  expect(noList.stderr).toContain("error: the list on stdin cannot be read: it is a folder");
  expect(infer(["--keep-going"])).toMatchObject({ status: 2, stdout: "" });
});

function start(args: readonly string[]): ChildProcessWithoutNullStreams {
  return spawn(process.execPath, [bin, "infer", "--model", model, ...args], { cwd: folder });
}

function exitOf(child: ChildProcessWithoutNullStreams): Promise<number | null> {
  return new Promise((exited) => child.once("close", exited));
}

test("Ctrl-C leaves whole lines, though the list goes on", async () => {
  const child = start(["-", "--json"]);
  child.stdin.write("plain0.png\nplain1.png\n");
  let stdout = "";
  child.stdout.on("data", (piece: Buffer) => {
    stdout += piece.toString();
    if (stdout.split("\n").length === 3) child.kill("SIGINT");
  });
  expect(await exitOf(child)).toBe(130);
  expect(parsed(stdout).map((line) => line.get("input"))).toEqual(["plain0.png", "plain1.png"]);
  expect(stdout.endsWith("\n")).toBe(true);
});

describe.skipIf(process.platform === "win32")("pipes and devices", () => {
  const names = ["silent", "late", "piped.png"];
  let child: ChildProcessWithoutNullStreams | undefined;

  beforeAll(() => {
    spawnSync("mkfifo", names, { cwd: folder });
    symlinkSync("/dev/zero", join(folder, "zero.npy"));
  });
  afterEach(() => void child?.kill("SIGKILL"));
  afterAll(() => {
    for (const name of [...names, "zero.npy"]) rmSync(join(folder, name));
  });

  async function outcome(args: readonly string[]): Promise<Omit<Outcome, "signal">> {
    child = start(args);
    const [status, stdout, stderr] = await Promise.all([exitOf(child), text(child.stdout), text(child.stderr)]);
    return { status, stdout, stderr };
  }

  test("a pipe is read once something comes through it", async () => {
    const reading = outcome(["late"]);
    // Ends when the command has opened the other end.
    await writeFile(join(folder, "late"), readFileSync(join(folder, "plain0.png")));
    expect((await reading).stdout).toMatch(/^late: \d /);
  });

  test.each(["0", "2"])("Ctrl-C ends the wait for a pipe, with %s threads", async (workers) => {
    const reading = outcome(["-", "--batch-size", "4", "--workers", workers]);
    child?.stdin.end(`${"plain0.png\n".repeat(200)}silent\n`);
    let lines = 0;
    child?.stdout.on("data", (piece: Buffer) => {
      lines += piece.toString().split("\n").length - 1;
      if (lines === 200) child?.kill("SIGINT");
    });
    const { status, stderr } = await reading;
    expect(status).toBe(130);
    expect(stderr).toContain("interrupted: 200 images read in");
  });

  test("a pipe in a folder is not waited for", async () => {
    const { status, stdout, stderr } = await outcome(["plain0.png", "piped*"]);
    expect(status).toBe(3);
    expect(stdout).toMatch(/^plain0.png: \d /);
    expect(stderr).toContain("piped.png: cannot be read: it is not a file");
  });

  test.each([[["--model", "/dev/zero"]], [["--tensor", "image=zero.npy"]]])("%j: a device has no end", async (args) => {
    const { status, stderr } = await outcome(args);
    expect(status).toBe(1);
    expect(stderr).toMatch(/^error: \S+ cannot be read: it is not a file$/m);
  });
});

test("more threads than could ever help are wrong usage", () => {
  expect(infer(["plain0.png", "--threads", "9999"])).toMatchObject({ status: 2, stdout: "" });
});

test("a reader that goes away before all is answered is a fault", async () => {
  const child = start(["-"]);
  let stderr = "";
  child.stderr.on("data", (piece: Buffer) => (stderr += piece.toString()));
  child.stdin.on("error", () => undefined);
  child.stdin.end("plain0.png\n".repeat(3000));
  child.stdout.once("data", () => child.stdout.destroy());
  expect(await exitOf(child)).toBe(1);
  expect(stderr).toBe("error: cannot write to stdout: its reader went away before all was written\n");
});

test.runIf(existsSync("/dev/full"))("a full disk is an error, however little is printed", () => {
  for (const count of [1, 200]) {
    const inputs = Array.from({ length: count }, () => "plain0.png");
    const args = [bin, "infer", "--model", model, ...inputs];
    const { status, stderr } = spawnSync("sh", ["-c", 'exec "$@" > /dev/full', "sh", process.execPath, ...args], {
      cwd: folder,
      encoding: "utf8",
    });
    expect(status).toBe(1);
    expect(stderr).toMatch(/^error: cannot write to stdout: ENOSPC.*$/m);
    expect(stderr).not.toMatch(/^ +at /m);
  }
});

test("a limit holds for pictures too", () => {
  const { status, stdout } = infer([".", "--limit", "2"]);
  expect({ status, lines: stdout.split("\n").length - 1 }).toEqual({ status: 3, lines: 1 });
  expect(infer(["plain*.png", "--limit", "2"]).stdout).toMatch(/^plain0.png: .*\nplain1.png: .*\n$/);
});

test("a glob finds files in order", () => {
  const { stdout } = infer(["plain*.png", "--json"]);
  expect(parsed(stdout).map((line) => line.get("input"))).toEqual([0, 1, 2, 3].map((index) => `plain${index}.png`));
});

/** A recogniser [batch, 28, 28, 1] to [batch, 2] that always prefers its first label. */
function constantReader(batch: number | string, labels: readonly string[]): Uint8Array {
  const recognizer: Recognizer = {
    version: 1,
    input: { kind: "image", height: 28, width: 28, channels: 1, range: [0, 1], fit: "mnist" },
    output: { kind: "classes", labels, activation: "softmax" },
  };
  return tinyOnnx({
    inputs: [{ name: "image", dtype: "float32", dims: [batch, 28, 28, 1] }],
    outputs: [{ name: "scores", dtype: "float32", dims: [batch, 2] }],
    nodes: [
      { op: "Flatten", inputs: ["image"], outputs: ["flat"] },
      { op: "MatMul", inputs: ["flat", "zeros"], outputs: ["nothing"] },
      { op: "Add", inputs: ["nothing", "first"], outputs: ["scores"] },
    ],
    weights: {
      zeros: { dtype: "float32", dims: [784, 2], data: new Float32Array(1568) },
      first: { dtype: "float32", dims: [2], data: Float32Array.of(0.75, 0.25) },
    },
    metadata: { [RECOGNIZER_KEY]: JSON.stringify(recognizer) },
  });
}

test("a model that takes 4 pictures at once reads 5 with a bad one among them; of a billion it is refused", () => {
  writeFileSync(join(folder, "four.onnx"), constantReader(4, ["a", "b"]));
  const names = ["plain0.png", "bad.png", "plain1.png", "plain2.png", "plain3.png", "large0.png"];
  const { status, stdout } = infer(["--model", "four.onnx", ...names, "--json"]);
  expect(status).toBe(3);
  expect(parsed(stdout).map((line) => [line.get("input"), line.get("text")])).toEqual(
    names.map((name) => [name, name === "bad.png" ? undefined : "a"]),
  );
  for (const batch of [0, 1e9]) {
    writeFileSync(join(folder, "odd.onnx"), constantReader(batch, ["a", "b"]));
    const { stderr } = infer(["--model", "odd.onnx", "plain0.png"]);
    expect(stderr).toBe(
      `error: the model takes ${batch} pictures at once; expected 1 to 4096\nhint: export it with --batch dynamic\n`,
    );
  }
});

test("what a file calls its labels does not rule the terminal", () => {
  writeFileSync(join(folder, "rude.onnx"), constantReader("batch", ["\u001B[2Ja\u009B", "b"]));
  expect(infer(["--model", "rude.onnx", "plain0.png"]).stdout).toBe("plain0.png: \\u001b[2Ja\\u009b (75.00 %)\n");
  writeFileSync(join(folder, "ruder.onnx"), constantReader("batch", []));
  expect(infer(["--model", "ruder.onnx", "plain0.png"])).toMatchObject({ status: 1, stdout: "" });
});

test("raw tensors go in and come out as .npy", () => {
  const data = Float32Array.from({ length: 2 * 784 }, (_, at) => (at % 7) / 7);
  writeFileSync(join(folder, "x.npy"), encodeNpy({ dtype: "float32", dims: [2, 28, 28, 1], data }));
  const { status, stdout } = infer(["--tensor", "image=x.npy", "--out", "out", "--json"]);
  expect(status).toBe(0);
  expect(parsed(stdout)[0]?.get("outputs")).toEqual([
    { name: "softmax", dtype: "float32", dims: [2, 10], file: join("out", "softmax.npy") },
  ]);
  const { status: wrong, stderr } = infer(["--tensor", "picture=x.npy"]);
  expect(wrong).toBe(1);
  expect(stderr).toContain('input "image" is missing; got "picture"');
});

test("raw tensors are nested lists of JSON, or random for a try", () => {
  const lists = (rows: number): unknown => Array.from({ length: rows }, () => Array.from({ length: 28 }, () => [0.5]));
  writeFileSync(join(folder, "grey.json"), JSON.stringify([lists(28)]));
  const given = infer(["--tensor", "image=grey.json", "--out", "lists"]);
  expect(given.status).toBe(0);
  const values = /^softmax: float32 \[1, 10\] -> \S+softmax\.npy\n {2}(.*)\n$/u.exec(given.stdout)?.[1];
  const data = Float32Array.from({ length: 784 }, () => 0.5);
  writeFileSync(join(folder, "grey.npy"), encodeNpy({ dtype: "float32", dims: [1, 28, 28, 1], data }));
  infer(["--tensor", "image=grey.npy", "--out", "arrays"]);
  const softmax = readFileSync(join(folder, "arrays/softmax.npy"));
  expect(readFileSync(join(folder, "lists/softmax.npy"))).toEqual(softmax);
  const expected: readonly unknown[] = [...decodeNpy(softmax, "softmax.npy").data];
  expect(values?.split(", ").map(Number)).toEqual(expected.map((value) => Number(Number(value).toPrecision(4))));

  const tried = infer(["--tensor", "image=random", "--out", "tried", "--json"]);
  expect(parsed(tried.stdout)[0]?.get("outputs")).toMatchObject([{ name: "softmax", dims: [1, 10] }]);
  expect(tried.stderr).toContain("image: random values, float32 [1, 28, 28, 1]\n");
  const sized = infer(["--tensor", "image=random:3,28,28,1", "--out", "tried", "--json"]);
  expect(parsed(sized.stdout)[0]?.get("outputs")).toMatchObject([{ name: "softmax", dims: [3, 10] }]);

  const faults: readonly (readonly [string, string])[] = [
    ["[[1, 2], [3]]", "the lists at depth 1 are not all of one length"],
    ['{"data": [1]}', "holds an object; expected nested lists of numbers"],
    ['[["a"]]', 'input "image": expected numbers; got "a"'],
    ["[1, 2", "is not JSON"],
    [`${"[".repeat(65)}1${"]".repeat(65)}`, "is nested deeper than 64 lists"],
  ];
  for (const [json, reason] of faults) {
    writeFileSync(join(folder, "wrong.json"), json);
    const { status, stderr } = infer(["--tensor", "image=wrong.json"]);
    expect([status, stderr]).toEqual([1, expect.stringContaining("error: wrong.json")]);
    expect(stderr).toContain(reason);
  }
});

test("an input's name may hold =, an output is written into the folder whatever its name, and over no input", () => {
  const names = ["a=b", "../up", "c:d"];
  const value = { dtype: "float32", dims: [1] } as const;
  writeFileSync(
    join(folder, "names.onnx"),
    tinyOnnx({
      inputs: [{ name: "a=b", ...value }],
      outputs: names.slice(1).map((name) => ({ name, ...value })),
      nodes: names.slice(1).map((name) => ({ op: "Neg", inputs: ["a=b"], outputs: [name] })),
    }),
  );
  const bytes = encodeNpy({ dtype: "float32", dims: [1], data: Float32Array.of(2) });
  writeFileSync(join(folder, "c_d.npy"), bytes);
  const args = ["--model", "names.onnx", "--tensor", "a=b=c_d.npy", "--json"];
  const { stdout } = infer([...args, "--out", "named"]);
  expect(parsed(stdout)[0]?.get("outputs")).toMatchObject([
    { name: "../up", file: join("named", ".._up.npy") },
    { name: "c:d", file: join("named", "c_d.npy") },
  ]);
  const over = infer(args);
  expect(over).toMatchObject({ status: 2, stdout: "" });
  expect(over.stderr).toContain('the output "c:d" would be written over an input\'s file: c_d.npy');
  expect(readFileSync(join(folder, "c_d.npy"))).toEqual(Buffer.from(bytes));
});

test("a model without inputs is run on nothing", () => {
  const weights = { y: { dtype: "float32", dims: [2], data: Float32Array.of(1, 2) } } as const;
  const outputs = [{ name: "y", dtype: "float32", dims: [2] }] as const;
  writeFileSync(join(folder, "constant.onnx"), tinyOnnx({ inputs: [], outputs, nodes: [], weights }));
  const { status, stdout } = infer(["--model", "constant.onnx", "--out", "constant"]);
  expect({ status, stdout }).toEqual({ status: 0, stdout: `y: float32 [2] -> ${join("constant", "y.npy")}\n  1, 2\n` });
  expect(readFileSync(join(folder, "constant/y.npy"))).toEqual(Buffer.from(encodeNpy(weights.y)));
  expect(infer(["plain0.png", "--out", "constant"])).toMatchObject({ status: 2, stdout: "" });
});

test("wrong usage is exit code 2, and says what is right", () => {
  expect(infer(["--provider", "wasm"])).toMatchObject({ status: 2 });
  expect(infer(["--runtime", "nowhere"]).status).toBe(2);
  expect(infer(["--tensor", "x"]).stderr).toContain("--tensor takes NAME=file.npy");
  expect(infer(["--null"]).stderr).toContain("--null is for a list on stdin; give - for it");
  expect(infer(["plain0.png", "--data", "."]).stderr).toContain("--data is for a labelled test set");
  expect(infer(["--tensor", "x=x.npy", "--limit", "1"]).stderr).toContain("--limit is for pictures and test sets");
  expect(infer(["--help"]).stdout).toContain("Examples:");
});

test("what is no ONNX file is one plain error", () => {
  const { status, stderr } = infer(["plain0.png", "--model", join(folder, "bad.png")]);
  expect(status).toBe(1);
  expect(stderr).toMatch(/^error: .*\n(hint: .*\n)?$/);
});

test("ONNX Runtime sends nothing to anyone and leaves nothing behind, unless the user lets it", () => {
  const places = { TMPDIR: mkdtempSync(join(folder, "tmp-")), HOME: mkdtempSync(join(folder, "home-")) };
  // Without these ONNX Runtime's builds of 1.29 and later do, where no one told them not to.
  const { CI: _, ORT_DISABLE_TELEMETRY: __, XDG_CACHE_HOME: ___, ...env } = process.env;
  const { status } = runCommand(["infer", "--model", model, "plain0.png"], { cwd: folder, env: { ...env, ...places } });
  expect(status).toBe(0);
  expect([readdirSync(places.TMPDIR), readdirSync(places.HOME)]).toEqual([[], []]);
});

test("a model in place of a picture is wrong usage, which says how a model is named", () => {
  for (const input of [resolve(model), dirname(resolve(model))]) {
    const { status, stdout, stderr } = runCommand(["infer", input], { cwd: folder });
    expect([status, stdout]).toEqual([2, ""]);
    expect(stderr).toContain(`error: ${input} is a model, not a picture\nhint: name it by --model: `);
  }
});

test("a model that says nothing of pictures is named, with another to take", () => {
  writeFileSync(join(folder, "silent.onnx"), smallDense());
  const args = ["infer", "--model", "silent.onnx", "plain0.png"];
  const { status, stderr } = runCommand(args, { cwd: folder });
  expect(status).toBe(1);
  expect(stderr).toContain("error: silent.onnx does not say how to prepare a picture for it");
  expect(stderr).toContain("set userDefinedMetadata.recognizer in its model.json");
  expect(stderr).toContain("--model crnn-mnist-best");
});
