import { createHash } from "node:crypto";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type RequestListener, type Server } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";

import { afterEach, beforeEach, describe, expect, test } from "vitest";

import { DataError, ToolError } from "../../../src/errors.ts";
import {
  fetchMnist,
  findMnist,
  isSoundMnist,
  readMnist,
  type MnistFiles,
  type PackedFile,
} from "../../../src/node/datasets/mnist.ts";
import { openDataset } from "../../../src/node/datasets/open-dataset.ts";
import { idxFile } from "../../helpers/idx-file.ts";

/** A small set under MNIST's names: its bytes by file name, and what a pin says of them. */
function makeSet(): { readonly files: MnistFiles; readonly content: ReadonlyMap<string, Uint8Array> } {
  const content = new Map<string, Uint8Array>();
  const pack = (name: string, bytes: Uint8Array): PackedFile => {
    const packed = gzipSync(bytes);
    content.set(`${name}.gz`, packed);
    return { name, bytes: packed.length, sha256: createHash("sha256").update(packed).digest("hex") };
  };
  const split = (prefix: string, count: number): MnistFiles["train"] => ({
    images: pack(`${prefix}-images-idx3-ubyte`, idxFile([count, 28, 28], new Uint8Array(count * 784).fill(count))),
    labels: pack(
      `${prefix}-labels-idx1-ubyte`,
      idxFile(
        [count],
        Uint8Array.from({ length: count }, (_, at) => at % 10),
      ),
    ),
  });
  return { files: { train: split("train", 12), test: split("t10k", 5) }, content };
}

const { files, content } = makeSet();
let folder = "";
let servers: Server[] = [];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "tfjs-to-onnx-mnist-"));
});

afterEach(() => {
  for (const server of servers) {
    server.closeAllConnections();
    server.close();
  }
  servers = [];
  rmSync(folder, { recursive: true });
});

/** Address of a server on this machine. */
async function serve(listener: RequestListener): Promise<string> {
  const server = createServer(listener).listen(0, "127.0.0.1");
  servers.push(server);
  await once(server, "listening");
  const address = server.address();
  if (address === null || typeof address === "string") throw new TypeError("the server has no port");
  return `http://127.0.0.1:${address.port}/mnist/`;
}

const asked: string[] = [];
const sound: RequestListener = ({ url = "" }, response) => {
  const name = url.slice("/mnist/".length);
  asked.push(name);
  const bytes = content.get(name);
  if (bytes === undefined) response.writeHead(404).end();
  else response.end(bytes);
};

const fetched = (mirrors: readonly string[]): Promise<void> =>
  fetchMnist(folder, { files, mirrors, connectMs: 400, stallMs: 400 });

describe("MNIST from the web", () => {
  test("comes whole, and reads as digits", async () => {
    const progress: number[] = [];
    const mirrors = [await serve(sound)];
    await fetchMnist(folder, { files, mirrors, onProgress: ({ receivedBytes }) => progress.push(receivedBytes) });
    const found = await findMnist(folder, ["train", "test"], files);
    expect(found.missing).toEqual([]);
    expect(await isSoundMnist(found, files)).toBe(true);
    const set = await readMnist(found, "test");
    expect([set.images, ...set.labels]).toEqual([5, 0, 1, 2, 3, 4]);
    expect(progress).toContain(files.train.images.bytes);
  });

  test("is not asked for again when it is there and sound; a damaged file is", async () => {
    const mirrors = [await serve(sound)];
    await fetched(mirrors);
    writeFileSync(join(folder, "t10k-labels-idx1-ubyte.gz"), "damaged");
    asked.length = 0;
    await fetched(mirrors);
    expect(asked).toEqual(["t10k-labels-idx1-ubyte.gz"]);
  });

  test("comes from the next mirror when one refuses, lies, is cut short or stalls, and that one is kept", async () => {
    const refusing = await serve((_, response) => response.writeHead(403).end());
    const lying = await serve(({ url = "" }, response) => {
      const { length } = content.get(url.slice("/mnist/".length)) ?? new Uint8Array(0);
      response.end(new Uint8Array(length));
    });
    const short = await serve((_, response) => response.end("x"));
    const stalling = await serve((_, response) => void response.write("x"));
    const silent = await serve(() => undefined);
    asked.length = 0;
    await fetched([refusing, lying, short, stalling, silent, await serve(sound)]);
    expect(asked).toHaveLength(4);
    expect(readdirSync(folder)).toHaveLength(4);
  });

  test("that no mirror gives is one error that names each with its fault, and nothing is written", async () => {
    const refusing = await serve((_, response) => response.writeHead(403).end());
    const endless = await serve((_, response) => {
      const pour = (): void => {
        while (response.write(Buffer.alloc(65536)));
      };
      response.on("drain", pour);
      pour();
    });
    const failure = fetched([refusing, endless]);
    await expect(failure).rejects.toThrow(ToolError);
    await expect(failure).rejects.toThrow(/answered 403[^]*too long: expected \d+ bytes, got more/);
    expect(readdirSync(folder)).toEqual([]);
  });

  test("stops when it is interrupted", async () => {
    const silent = await serve(() => undefined);
    const controller = new AbortController();
    setTimeout(() => controller.abort(), 50);
    const failure = fetchMnist(folder, { files, mirrors: [silent, silent], signal: controller.signal });
    await expect(failure).rejects.toThrow(/interrupted while downloading/);
  });
});

describe("MNIST in a folder", () => {
  test("is found packed or not, named with a dash or a dot", async () => {
    for (const [index, [name, bytes]] of [...content].entries()) {
      if (index === 0) writeFileSync(join(folder, name.replace("-idx", ".idx")), bytes);
      else writeFileSync(join(folder, name), bytes);
    }
    const { missing } = await findMnist(folder, ["train", "test"], files);
    expect(missing).toEqual([]);
  });

  test("of which files are missing says which", async () => {
    writeFileSync(join(folder, "train-images-idx3-ubyte.gz"), content.get("train-images-idx3-ubyte.gz") ?? "");
    const { missing } = await findMnist(folder, ["train"], files);
    expect(missing).toEqual(["train-labels-idx1-ubyte"]);
  });

  test.each([
    ["cut short", (bytes: Uint8Array) => bytes.subarray(0, bytes.length - 9), /damaged gzip file/],
    ["a bomb", () => gzipSync(new Uint8Array(65 * 2 ** 20)), /damaged gzip file/],
    ["not packed and cut short", () => idxFile([5], new Uint8Array(3)), /cut short: found 11 bytes, expected 13/],
  ])("with a file that is %s is a plain error", async (_, damage, message) => {
    for (const [name, bytes] of content) writeFileSync(join(folder, name), bytes);
    const path = join(folder, "t10k-labels-idx1-ubyte.gz");
    writeFileSync(path, damage(readFileSync(path)));
    const failure = findMnist(folder, ["test"], files).then((found) => readMnist(found, "test"));
    await expect(failure).rejects.toThrow(DataError);
    await expect(failure).rejects.toThrow(message);
  });
});

describe("the data set that was asked for", () => {
  const cache = process.env["TFJS_TO_ONNX_CACHE"];
  const named = process.env["MNIST_DIR"];

  beforeEach(() => {
    process.env["TFJS_TO_ONNX_CACHE"] = join(folder, "cache");
    delete process.env["MNIST_DIR"];
  });

  afterEach(() => {
    restore("TFJS_TO_ONNX_CACHE", cache);
    restore("MNIST_DIR", named);
  });

  const put = (name: string): string => {
    const place = join(folder, name);
    mkdirSync(place, { recursive: true });
    for (const [file, bytes] of content) writeFileSync(join(place, file), bytes);
    return place;
  };

  test("is MNIST of --data, else of $MNIST_DIR", async () => {
    process.env["MNIST_DIR"] = put("variable");
    const byVariable = await openDataset({ dataset: "auto", split: "test", mirrors: [] });
    expect(byVariable.note).toBe(`MNIST from ${join(folder, "variable")}`);
    const byOption = await openDataset({ dataset: "auto", split: "test", data: put("option"), mirrors: [] });
    expect(byOption.note).toBe(`MNIST from ${join(folder, "option")}`);
    expect(byOption.set.images).toBe(5);
  });

  test("is under auto the rendered digits when MNIST is not available, and three lines say why and what to do", async () => {
    const refusing = await serve((_, response) => response.writeHead(403).end());
    const { set, note } = await openDataset({ dataset: "auto", split: "test", mirrors: [refusing], limit: 30 });
    expect([set.name, set.images]).toEqual(["digits", 30]);
    expect(note.split("\n")).toEqual([
      expect.stringContaining("MNIST is not available: rendered digits take its place"),
      expect.stringMatching(/^ {2}tried: the cache \S+; .*answered 403/),
      expect.stringContaining("tfjs-to-onnx data mnist"),
    ]);
  });

  test("is under mnist an error when it is not available", async () => {
    const failure = openDataset({ dataset: "mnist", split: "test", mirrors: [] });
    await expect(failure).rejects.toThrow(DataError);
    await expect(failure).rejects.toThrow("MNIST is not available");
  });

  test.each(["auto", "mnist"] as const)(
    "under %s, a folder named by --data that lacks MNIST is an error",
    async (dataset) => {
      put("variable");
      process.env["MNIST_DIR"] = join(folder, "variable");
      const lacking = openDataset({ dataset, split: "test", data: folder, mirrors: [] });
      await expect(lacking).rejects.toThrow(DataError);
      await expect(lacking).rejects.toThrow(/the folder .* lacks t10k-images-idx3-ubyte, t10k-labels-idx1-ubyte/);
      const missing = openDataset({ dataset, split: "test", data: join(folder, "nowhere"), mirrors: [] });
      await expect(missing).rejects.toThrow(`there is no folder ${join(folder, "nowhere")}`);
    },
  );
});

function restore(name: string, value: string | undefined): void {
  if (value === undefined) delete process.env[name];
  else process.env[name] = value;
}
