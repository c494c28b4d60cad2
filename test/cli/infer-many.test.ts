import { spawn, type ChildProcessWithoutNullStreams } from "node:child_process";
import { linkSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import sharp from "sharp";
import { afterAll, beforeAll, expect, test } from "vitest";

import { renderedDigits } from "../../src/data/digits/rendered-digits.ts";
import { bin, runCommand } from "../helpers/command.ts";

const PHOTOS = 36;
const MANY = 12_000;
const folder = mkdtempSync(join(tmpdir(), "tfjs-to-onnx-many-"));
const photos = join(folder, "photos");
const many = join(folder, "many");
const infer = ["infer", "--model", "crnn-mnist"];

beforeAll(async () => {
  mkdirSync(photos);
  const set = renderedDigits({ split: "test", seed: 21, count: PHOTOS });
  for (let index = 0; index < PHOTOS; index++) {
    const digit = sharp(Uint8Array.from(set.pixels(index)), { raw: { width: 28, height: 28, channels: 1 } });
    const photo = digit.negate().resize(240, 240).extend({ left: 60, right: 60, background: "white" });
    await photo.toColourspace("srgb").toFile(join(photos, `${100 + index}.${index % 2 === 0 ? "jpg" : "png"}`));
  }
  writeFileSync(join(photos, "120x.png"), "no picture");
  mkdirSync(many);
  const small = join(folder, "small.png");
  const pixels = Uint8Array.from(set.pixels(0));
  await sharp(pixels, { raw: { width: 28, height: 28, channels: 1 } }).toFile(small);
  for (let index = 0; index < MANY; index++) linkSync(small, join(many, `${index}.png`));
}, 60_000);

afterAll(() => rmSync(folder, { recursive: true }));

/** Call `onLines` with the number of lines that have come, and wait for the end. */
async function follow(
  child: ChildProcessWithoutNullStreams,
  onLines: (lines: number) => void,
): Promise<{ readonly status: number | null; readonly stdout: string; readonly stderr: string }> {
  let [stdout, stderr, lines] = ["", "", 0];
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    stdout += text;
    lines += text.split("\n").length - 1;
    onLines(lines);
  });
  child.stderr.setEncoding("utf8").on("data", (text: string) => (stderr += text));
  const status = await new Promise<number | null>((resolve) => {
    child.on("close", resolve);
  });
  return { status, stdout, stderr };
}

test("threads give the same lines in the same order, the bad file's among them", () => {
  const runs = ["0", "1", "3"].map((workers) => {
    return runCommand([...infer, photos, "--json", "--batch-size", "8", "--workers", workers]);
  });
  expect(runs.map(({ status }) => status)).toEqual([3, 3, 3]);
  expect(runs[0]?.stdout.split("\n")).toHaveLength(PHOTOS + 2);
  expect(runs[0]?.stdout).toContain("120x.png");
  expect(runs[1]?.stdout).toBe(runs[0]?.stdout);
  expect(runs[2]?.stdout).toBe(runs[0]?.stdout);
});

test("Ctrl-C ends threads too, and leaves whole lines", async () => {
  const list = Array.from({ length: 50 }, () => photos);
  const child = spawn(process.execPath, [bin, ...infer, ...list, "--json", "--batch-size", "4", "--workers", "2"]);
  let sent = Number.NaN;
  const { status, stdout, stderr } = await follow(child, (lines) => {
    if (lines < 40 || !Number.isNaN(sent)) return;
    sent = performance.now();
    child.kill("SIGINT");
  });
  expect(status).toBe(130);
  expect(performance.now() - sent).toBeLessThan(10_000);
  const lines = stdout.split("\n");
  expect(lines.pop()).toBe("");
  expect(lines.length).toBeGreaterThanOrEqual(40);
  expect(lines.length).toBeLessThan(50 * PHOTOS);
  for (const line of lines) expect(JSON.parse(line)).toHaveProperty("input");
  expect(stderr).toMatch(/interrupted: \d+ (of \d+ )?images read/);
});

test("too many threads are wrong usage", () => {
  const { status, stderr } = runCommand([...infer, photos, "--workers", "65"]);
  expect(status).toBe(2);
  expect(stderr).toContain('--workers takes a whole number from 0 to 64; got "65"');
});

test.runIf(process.platform === "linux")(
  "memory does not grow with the number of files",
  { timeout: 120_000 },
  async () => {
    const child = spawn(process.execPath, [bin, ...infer, many, "--workers", "1"]);
    const memory: number[] = [];
    const { status, stdout } = await follow(child, (lines) => {
      if (lines < (memory.length + 1) * (MANY / 6) || memory.length === 5) return;
      memory.push(Number(/^VmRSS:\s*(\d+) kB$/m.exec(readFileSync(`/proc/${child.pid}/status`, "utf8"))?.[1]) / 1024);
    });
    expect(status).toBe(0);
    expect(stdout.split("\n")).toHaveLength(MANY + 1);
    expect(memory).toHaveLength(5);
    // From a third of the files on; 28 x 28 pictures that were kept would take 25 MB in 8,000 files, their pixels four times.
    expect((memory[4] ?? Number.NaN) - (memory[1] ?? Number.NaN)).toBeLessThan(20);
  },
);
