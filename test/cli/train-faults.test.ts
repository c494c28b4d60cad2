import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

import { afterAll, beforeAll, describe, expect, test } from "vitest";

import { Random } from "../../src/data/random.ts";
import { nativeStatus } from "../../src/train/native/index.ts";
import { bin, type Outcome } from "../helpers/command.ts";
import { idxFile } from "../helpers/idx-file.ts";

import { cliIn, writeDigits } from "./small-runs.ts";

const native = nativeStatus().state === "ready";
if (!native) process.stderr.write("skipped: native TensorFlow is not at hand, so nothing is trained\n");
const mount = ["--user", "--map-root-user", "--mount"];
const canMount = spawnSync("unshare", [...mount, "true"]).status === 0;
if (!canMount) process.stderr.write("skipped: full disks, because this user cannot mount one (unshare)\n");

const folder = mkdtempSync(join(tmpdir(), "tfjs-to-onnx-faults-"));
const small = [...writeDigits(join(folder, "digits"), 24), "--batch-size", "8", "--backend", "tensorflow"];

afterAll(() => rmSync(folder, { recursive: true }));

function trainInto(out: string, ...args: readonly string[]): Outcome {
  return cliIn(folder, [...small, "--out", out, ...args]);
}

function bytesOf(...path: readonly string[]): Buffer {
  return readFileSync(join(folder, ...path));
}

test("a label that is no digit ends the run before anything is trained, and is named", () => {
  const wrong = writeDigits(join(folder, "wrong"), 12);
  writeFileSync(join(folder, "wrong", "train-labels-idx1-ubyte"), idxFile([12], new Uint8Array(12).fill(10, 7, 8)));
  const { status, stderr } = cliIn(folder, wrong);
  expect(status).toBe(1);
  expect(stderr).toContain(
    `error: ${join(folder, "wrong", "train-labels-idx1-ubyte")}: label 7 is 10, expected 0 to 9`,
  );
});

describe.skipIf(!native)("training", { timeout: 240_000 }, () => {
  test("stops at a loss that is no number, says at which step, and keeps the last checkpoint", () => {
    const before = trainInto("wild", "--epochs", "1", "--learning-rate", "1e30");
    expect(before.status).toBe(1);
    expect(before.stderr).toMatch(
      /error: (?:the loss became \w+|\S+ holds numbers that are not finite) at step \d+ \(epoch \d, batch \d\)\nhint: the last checkpoint was kept/,
    );
    expect(readdirSync(join(folder, "wild"))).toEqual(expect.arrayContaining(["checkpoint.bin"]));
    expect(readdirSync(join(folder, "wild"))).not.toContain("model.json");
    const again = trainInto("wild", "--epochs", "1", "--learning-rate", "1e30", "--resume");
    expect(again.stderr).toContain("going on after epoch 0, batch 0");
    expect(again.status).toBe(1);
  });

  test("goes on only with the network and the settings that it began with, and leaves the checkpoint alone", () => {
    expect(trainInto("begun", "--epochs", "1").status).toBe(0);
    const checkpoint = bytesOf("begun", "checkpoint.bin");
    for (const [args, said] of [
      [["--network", "crnn-best"], "is of a run with network crnn, not crnn-best"],
      [["--learning-rate", "0.01"], "is of a run with learningRate 0.001, not 0.01"],
      [["--seed", "2"], "is of a run with seed 1, not 2"],
      [["--augment", "light"], "is of a run with augment {}, not {"],
      [["--validation", "4"], "is of a run with images 24, not 20"],
    ] as const) {
      const { status, stderr } = trainInto("begun", "--epochs", "2", "--resume", ...args);
      expect([status, stderr]).toEqual([
        1,
        expect.stringContaining(`error: ${join("begun", "checkpoint.bin")} ${said}`),
      ]);
    }
    expect(bytesOf("begun", "checkpoint.bin").equals(checkpoint)).toBe(true);
  });

  test("learns from a model and begins with it, and refuses those that do not fit", () => {
    expect(trainInto("first", "--epochs", "1").status).toBe(0);
    const first = join("first", "model.json");
    const taught = ["--epochs", "1", "--init", first, "--teacher", first, "--teacher-share", "0.4"];
    expect(trainInto("taught", ...taught).status).toBe(0);
    const shipped = join(import.meta.dirname, "../../models/crnn-mnist-best/model.json");
    for (const [args, code, said] of [
      [
        ["--init", shipped],
        1,
        `error: ${shipped} is no crnn: it has conv1/kernel [5, 5, 1, 24] where the network has conv1/kernel [3, 3, 1, 32]`,
      ],
      [["--init", join("first", "none")], 1, `error: cannot read ${join("first", "none")}`],
      [["--teacher", join("first", "weights.bin")], 1, `error: ${join("first", "weights.bin")}`],
      [["--teacher", first, "--teacher-share", "1.5"], 2, "error: the teachers' share is at most 1; got 1.5"],
    ] as const) {
      const { status, stderr } = trainInto("refused", "--epochs", "1", ...args);
      expect([status, stderr]).toEqual([code, expect.stringContaining(said)]);
    }
    const again = ["--epochs", "2", "--resume"];
    const alone = trainInto("taught", ...again, "--init", first);
    expect([alone.status, alone.stderr]).toEqual([
      1,
      expect.stringMatching(/is of a run with teachers \w+, not without/),
    ]);
    expect(trainInto("taught", ...taught.slice(2), ...again).status).toBe(0);
  });
});

/** Ends the process by kill -9 when the nth file of a name is partly written. */
const DIE = `
import files from "node:fs/promises";
import { syncBuiltinESMExports } from "node:module";
const [name, nth, part] = process.env.DIE_WRITING.split(":");
const write = files.writeFile;
let seen = 0;
files.writeFile = async (path, data) => {
  if (!String(path).includes("." + name + ".") || ++seen < Number(nth)) return write(path, data);
  await write(path, data.slice(0, Math.floor(Number(part) * data.length)));
  process.kill(process.pid, "SIGKILL");
};
syncBuiltinESMExports();
`;

describe.skipIf(!native)("kill -9 in the middle of a write", () => {
  test(
    "of checkpoints, the history, the model and the report changes nothing of what is learnt",
    { timeout: 400_000 },
    () => {
      writeFileSync(join(folder, "die.mjs"), DIE);
      const options = ["--epochs", "5", "--validation", "0.25", "--keep-best", "--augment", "light"];
      expect(trainInto("whole", ...options).status).toBe(0);
      const random = new Random(Number(process.env["SEED"] ?? 1), 0);
      const places = [
        ["best.bin", 1],
        ["checkpoint.bin", 1 + random.integer(2)],
        ["checkpoint.bin", 1 + random.integer(2)],
        ["history.json", 1],
        ["weights.bin", 1],
        ["report.html", 1],
      ] as const;
      for (const [killed, [name, nth]] of places.entries()) {
        const args = [...small, "--out", "broken", ...options, ...(killed === 0 ? [] : ["--resume"])];
        const env = {
          NODE_OPTIONS: `--import ${pathToFileURL(join(folder, "die.mjs")).href}`,
          DIE_WRITING: `${name}:${nth}:${random.between(0, 1)}`,
        };
        const { signal, stderr } = cliIn(folder, args, env);
        expect([name, signal, stderr]).toEqual([name, "SIGKILL", expect.not.stringContaining("error")]);
        expect(readdirSync(join(folder, "broken")).filter((file) => file.endsWith(".tmp"))).toHaveLength(1);
      }
      expect(trainInto("broken", ...options, "--resume").status).toBe(0);
      expect(readdirSync(join(folder, "broken"))).toEqual(readdirSync(join(folder, "whole")));
      expect(bytesOf("broken", "weights.bin").equals(bytesOf("whole", "weights.bin"))).toBe(true);
      expect(withoutTimes("broken")).toEqual(withoutTimes("whole"));
    },
  );

  function withoutTimes(out: string): unknown {
    return JSON.parse(bytesOf(out, "history.json").toString(), (key, value: unknown) =>
      key === "msPerStep" ? undefined : value,
    );
  }
});

/** Trains on disks of its own that run full; each run leaves what it said and what it left under its name in $2. */
const DISKS = `
set -e
node="$1" logs="$2" out="$3" report="$4"
shift 4
run() {
  name="$1" code=0
  shift
  "$node" "$@" >"$logs/$name.out" 2>"$logs/$name.err" || code=$?
  echo "$code" >"$logs/$name.code"
  ls -A "$out" >"$logs/$name.files"
}
fill() { "$node" -e 'fs.writeFileSync(process.argv[1], Buffer.alloc(Number(process.argv[2])))' "$@"; }
mount -t tmpfs -o size=4m tmpfs "$out"
run first "$@"
mount -o remount,size=12m "$out"
run second "$@"
mount -o remount,size=64m "$out"
run resumed "$@" --resume
fill "$out/other" 1000
cp "$out/weights.bin" "$logs/weights"
mount -o remount,size="$(($(du -sk "$out" | cut -f 1) + 1500))k" "$out"
run model "$@" --resume
cmp "$out/weights.bin" "$logs/weights"
mount -o remount,size=64m "$out"
mount -t tmpfs -o size=16k tmpfs "$report"
echo old >"$report/report.html"
ln -sf "$report/report.html" "$out/report.html"
run report "$@" --resume
cp "$report/report.html" "$logs/report"
fill "$report/rest" 12000 || true
run events "$@" --resume --log-dir "$report"
`;

describe.skipIf(!native || !canMount)("on a disk that runs full", () => {
  const logs = join(folder, "logs");

  function logOf(name: string, what: "err" | "code" | "files"): string {
    return readFileSync(join(logs, `${name}.${what}`), "utf8").trim();
  }

  beforeAll(() => {
    const places = [logs, join(folder, "full"), join(folder, "tiny")];
    for (const place of places) mkdirSync(place);
    const command = [bin, ...small, "--out", join(folder, "full"), "--epochs", "1"];
    const args = [...mount, "sh", "-c", DISKS, "sh", process.execPath, ...places, ...command];
    const { status, stderr } = spawnSync("unshare", args, { encoding: "utf8", cwd: folder });
    if (status !== 0) throw new Error(`the runs came to no end: ${stderr}`);
  }, 400_000);

  test.each([
    ["first", join("full", "checkpoint.bin"), "no checkpoint"],
    ["second", join("full", "checkpoint.bin"), "the checkpoint before it"],
    ["model", join("full", "weights.bin"), "the model before it"],
    ["report", join("full", "report.html"), "the report before it"],
  ])("the %s file that has no room, %s, is named, and leaves %s", (name, file) => {
    expect(logOf(name, "code")).toBe("1");
    expect(logOf(name, "err")).toContain(
      `error: cannot write ${join(folder, file)}: the disk is full\nhint: choose a folder that can be written`,
    );
    expect(logOf(name, "files")).not.toContain(".tmp");
    expect(logOf("first", "files")).not.toContain("checkpoint.bin");
    expect(readFileSync(join(logs, "report"), "utf8")).toBe("old\n");
  });

  test("event files that have no room are named before anything is trained", () => {
    expect(logOf("events", "code")).toBe("1");
    expect(logOf("events", "err")).toMatch(
      /error: cannot write \S+\/tiny\/train\/events\.out\.\S+: the disk is full\nhint: choose a folder/,
    );
  });

  test("with room again the run goes on from the checkpoint that was kept", () => {
    expect(logOf("resumed", "err")).toContain("going on after epoch 0, batch 0");
    expect(logOf("resumed", "code")).toBe("0");
  });
});
