import { spawn, spawnSync } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { createServer, type ServerResponse } from "node:http";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { gzipSync } from "node:zlib";

import { afterAll, beforeAll, describe, expect, test } from "vitest";

import { ModelFormatError, ToolError, UsageError } from "../../src/errors.ts";
import { fromFetch } from "../../src/export/source/fetch.ts";
import { readModel } from "../../src/node/read-model.ts";
import { writeAside } from "../../src/node/write-aside.ts";
import { runCommand } from "../helpers/command.ts";

const root = resolve(import.meta.dirname, "../..");
const bin = join(root, "dist/bundle/bin.js");
const shipped = join(root, "models/crnn-mnist");
const folder = mkdtempSync(join(tmpdir(), "tfjs-to-onnx-hostile-"));
const path = (name: string): string => join(folder, name);
const text = readFileSync(join(shipped, "model.json"), "utf8");

const pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 2379688\n";

beforeAll(() => {
  writeFileSync(path("pointer.bin"), pointer);
  writeFileSync(path("model.json"), text);
  writeFileSync(path("weights.bin"), readFileSync(join(shipped, "weights.bin")));
  spawnSync("mkfifo", [path("fifo")]);
});

afterAll(() => rmSync(folder, { recursive: true }));

async function faultOf(promise: Promise<unknown>): Promise<ToolError> {
  const error: unknown = await promise.then(
    () => new Error("it was accepted"),
    (cause: unknown) => cause,
  );
  if (error instanceof ToolError) return error;
  throw error;
}

describe("what is no model.json is refused with a plain error", () => {
  test.each<readonly [string, string | Buffer | (() => void), string]>([
    ["empty.json", "", "is empty"],
    ["mark.json", "\uFEFF", "is empty"],
    ["page.json", "<!DOCTYPE html>", "is a web page"],
    ["cut.json", text.slice(0, 500), "is not JSON"],
    ["nan.json", '{"modelTopology": NaN}', "is not JSON"],
    ["number.json", "5", "must hold an object"],
    ["deep.json", "[".repeat(2 ** 20), "nested deeper"],
    [
      "huge.json",
      (): void => {
        writeFileSync(path("huge.json"), "");
        truncateSync(path("huge.json"), 2 ** 29);
      },
      "which no model.json has",
    ],
    ["loop.json", (): void => symlinkSync("loop.json", path("loop.json")), "links lead back"],
    [
      "loop",
      (): void => {
        mkdirSync(path("loop"));
        symlinkSync("model.json", path("loop/model.json"));
      },
      "links lead back",
    ],
    ["folder", (): void => void mkdirSync(path("folder/model.json"), { recursive: true }), "is not a file"],
    ["lfs.json", pointer, "is a pointer of Git LFS"],
    ["nowhere.json", (): void => undefined, "no such file"],
    ["keras.h5", "HDF", "is a Keras file"],
    ["hdf5.json", Buffer.from("894844460d0a1a0a", "hex"), "is a Keras file"],
    ["gzip.json", gzipSync(text), "is an archive"],
    ["zip.json", Buffer.from("504b030414000000", "hex"), "is an archive"],
    ["utf-16.json", Buffer.from(`\uFEFF${text}`, "utf16le"), "is text in UTF-16"],
    [
      "saved",
      (): void => {
        mkdirSync(path("saved"));
        writeFileSync(path("saved/saved_model.pb"), "");
      },
      "a TensorFlow SavedModel",
    ],
    [
      "bare",
      (): void => {
        mkdirSync(path("bare"));
      },
      "has no model.json",
    ],
  ])("%s", async (name, content, message) => {
    if (typeof content === "function") content();
    else writeFileSync(path(name), content);
    expect((await faultOf(readModel(path(name)))).message).toContain(message);
  });

  test.skipIf(process.platform === "win32")("pipes and devices are not read", async () => {
    const pipes = [path("fifo"), "/dev/zero", "/dev/tty"].filter((name) => existsSync(name));
    const messages = await Promise.all(pipes.map(async (name) => (await faultOf(readModel(name))).message));
    expect(messages.filter((message) => !/is not a file|cannot read/.test(message))).toEqual([]);
  });

  test("a byte order mark before a model does no harm", async () => {
    writeFileSync(path("marked.json"), `\uFEFF${text}`);
    expect((await readModel(path("marked.json"))).weights?.byteLength).toBeGreaterThan(1000);
  });
});

describe("weight files", () => {
  test.each([
    ["../weights.bin", "not within the folder"],
    ["..\\weights.bin", "not within the folder"],
    ["a/../../weights.bin", "not within the folder"],
    ["%2e%2e/weights.bin", "not within the folder"],
    ["/etc/passwd", "not within the folder"],
    ["C:\\weights.bin", "not within the folder"],
    ["file:///etc/passwd", "not within the folder"],
    ["https://example.com/weights.bin", "not within the folder"],
    ["fifo", "is not a file"],
    [".", "is not a file"],
    ["missing.bin", "is missing"],
    ["model.json", "too short"],
    ["pointer.bin", "is a pointer of Git LFS"],
  ])("%s is refused", async (shard, message) => {
    const listed = JSON.parse(text, (key, value: unknown): unknown => (key === "paths" ? [shard] : value)) as unknown;
    writeFileSync(path("shards.json"), JSON.stringify(listed));
    const error = await faultOf(readModel(path("shards.json")));
    expect(error).toBeInstanceOf(ModelFormatError);
    expect(error.message).toContain(message);
  });
});

test.each(["model.json", "weights.bin"])("an output never replaces the model's own %s", async (name) => {
  const before = readFileSync(path(name));
  symlinkSync(path(name), path(`link to ${name}`));
  for (const out of [path(name), path(`./folder/../${name}`), path(`link to ${name}`)]) {
    const fault = await faultOf(readModel(path("model.json"), { outputs: [path("new.onnx"), out] }));
    expect(fault).toBeInstanceOf(UsageError);
  }
  expect(runCommand(["export", path("model.json"), "-o", path(name), "--no-verify"])).toMatchObject({
    status: 2,
    stderr: expect.stringContaining("is a file of the model") as unknown,
  });
  expect(readFileSync(path(name)).equals(before)).toBe(true);
});

test("compare reads its model before it fetches a test set", () => {
  const { status, stderr } = runCommand(["compare", path("nowhere"), "--data", path("no-data")]);
  expect(status).toBe(1);
  expect(stderr).toMatch(/^error: .*nowhere/u);
});

const drips = new Set<NodeJS.Timeout>();

function drip(response: ServerResponse, piece: string, everyMs: number): void {
  const timer = setInterval(() => response.write(piece), everyMs);
  drips.add(timer);
  response.on("close", () => clearInterval(timer));
}

const answers: Readonly<Record<string, (response: ServerResponse) => void>> = {
  "/silent/model.json": () => undefined,
  "/stops/model.json": (response) => void response.write("{"),
  "/endless/model.json": (response) => drip(response, " ".repeat(2 ** 22), 20),
  "/drips/model.json": (response) => drip(response, " ", 20),
  "/loop/model.json": (response) => response.writeHead(302, { location: "/loop/model.json" }).end(),
  "/page/model.json": (response) => response.end("<html></html>"),
  "/cut/model.json": (response) => response.end(text.slice(0, 300)),
  "/long/model.json": (response) => response.end(text),
  "/long/weights.bin": (response) => drip(response, "x".repeat(2 ** 20), 1),
  "/short/model.json": (response) => response.end(text),
  "/short/weights.bin": (response) => response.end("x"),
  "/lone/model.json": (response) => response.end(text),
  "/dies/model.json": (response) => {
    response.write("{");
    response.destroy();
  },
};

describe("servers", () => {
  const server = createServer((request, response) => {
    const answer = answers[request.url ?? ""];
    if (answer === undefined) response.writeHead(404).end();
    else answer(response);
  });
  let host = "";

  beforeAll(async () => {
    await new Promise<void>((done) => {
      server.listen(0, "127.0.0.1", done);
    });
    const address = server.address();
    if (typeof address === "object" && address !== null) host = `http://127.0.0.1:${address.port}`;
  });

  afterAll(() => {
    for (const timer of drips) clearInterval(timer);
    server.closeAllConnections();
    server.close();
  });

  test.each([
    ["silent", "nothing came for"],
    ["stops", "nothing came for"],
    ["endless", "gives more than"],
    ["drips", "bytes came in"],
    ["loop", "redirect"],
    ["page", "is a web page"],
    ["cut", "is not JSON"],
    ["long", "too long"],
    ["short", "too short"],
    ["lone", "404"],
    ["nowhere", "404"],
    ["dies", "cannot reach"],
  ])("%s: refused with a plain error, in time", async (name, message) => {
    const stallMs = ["silent", "stops", "drips"].includes(name) ? 500 : 10_000;
    const started = performance.now();
    const error = await faultOf(fromFetch(`${host}/${name}/model.json`, { stallMs }));
    expect(error.message).toContain(message);
    expect(performance.now() - started).toBeLessThan(20_000);
  });
});

describe("writing", () => {
  test("folders, devices and pipes are not replaced", async () => {
    mkdirSync(path("a-folder"));
    expect((await faultOf(writeAside(path("a-folder"), "x"))).message).toContain("it is a folder");
    // Not /dev/null itself: a fault here would replace it.
    expect((await faultOf(writeAside(path("fifo"), "x"))).message).toContain("it is not a file");
  });

  test("a file is no folder", async () => {
    writeFileSync(path("plain"), "");
    expect((await faultOf(writeAside(path("plain/o.onnx"), "x"))).message).toContain("a part of the path is a file");
  });

  test.skipIf(!existsSync("/proc/self"))(
    "a folder cannot be made in /proc, which is said and not waited for",
    async () => {
      expect((await faultOf(writeAside("/proc/nowhere/o.onnx", "x"))).message).toContain("cannot write");
    },
  );

  test("what a link leads to is written, and nothing is left beside it", async () => {
    mkdirSync(path("written/deep"), { recursive: true });
    writeFileSync(path("written/deep/real"), "before");
    symlinkSync("deep/real", path("written/link"));
    await writeAside(path("written/link"), "after");
    expect(readFileSync(path("written/deep/real"), "utf8")).toBe("after");
    expect(readdirSync(path("written/deep"))).toEqual(["real"]);
    expect(readdirSync(path("written"))).toEqual(["deep", "link"]);
  });
});

describe("the command", () => {
  const run = (...args: readonly string[]): { status: number | null; stderr: string } => {
    const env = { ...process.env, XDG_CACHE_HOME: path("cache") };
    return spawnSync(process.execPath, [bin, "export", ...args], {
      cwd: folder,
      encoding: "utf8",
      env,
      timeout: 60_000,
    });
  };

  test.each<readonly [string, readonly string[], number]>([
    ["no such model", ["nowhere"], 1],
    ["a pipe", ["fifo"], 1],
    ["a folder as output", [".", "--out", "cache-folder/.."], 1],
    ["an unknown option", [".", "--nope"], 2],
    ["an opset too new", [".", "--opset", "99"], 2],
    ["a shape that is none", [".", "--input-shape", "image=x"], 2],
    ["a shape that does not fit", [".", "--input-shape", "image=1,2"], 1],
    ["an output nobody has", [".", "--output", "nobody"], 1],
  ])("%s: one plain error and exit code %j", (_, args, code) => {
    const { status, stderr } = run(...args, "--no-verify");
    expect(status).toBe(code);
    expect(stderr).toMatch(/^error: \S/m);
    expect(stderr).not.toMatch(/^ {4}at /m);
    expect(readdirSync(folder).filter((name) => name.includes(".onnx") || name.includes(".tmp"))).toEqual([]);
  });

  test("Ctrl-C while a server is silent ends it at once", async () => {
    const silent = createServer(() => undefined);
    await new Promise<void>((done) => {
      silent.listen(0, "127.0.0.1", done);
    });
    const address = silent.address();
    const port = typeof address === "object" && address !== null ? address.port : 0;
    const asked = new Promise<void>((done) => {
      silent.once("request", () => done());
    });
    const child = spawn(process.execPath, [bin, "export", `http://127.0.0.1:${port}/m/model.json`], {
      cwd: folder,
      stdio: "ignore",
    });
    await asked;
    child.kill("SIGINT");
    const ended = await new Promise<NodeJS.Signals | number | null>((done) => {
      child.once("exit", (code, signal) => done(signal ?? code));
    });
    expect(["SIGINT", 130]).toContain(ended);
    silent.closeAllConnections();
    silent.close();
  });
});
