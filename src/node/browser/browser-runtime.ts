import { createRequire } from "node:module";
import { dirname, join } from "node:path";

import { SetupError } from "../../errors.ts";
import { importPackage } from "../../infer/import-package.ts";
import { createRemoteRuntime, type Line } from "../../infer/remote/remote-runtime.ts";
import { decodeAnswer, unpackError } from "../../infer/remote/wire.ts";
import { Queue } from "../../infer/queue.ts";
import type { Runtime, SessionOptions } from "../../infer/runtime.ts";

import { packageRoot } from "../package-root.ts";

import { requireBrowser } from "./find-browser.ts";
import { endedEarly, launchBrowser } from "./launch.ts";
import { servePage } from "./page-server.ts";

const START_MS = 60_000;

/** onnxruntime-web in a true browser: headless, on a page of this machine that is cross-origin isolated. */
export const browserRuntime: Runtime = createRemoteRuntime("web", openBrowser);

/** The files that onnxruntime-web gives a bundler, under the names its importers use. */
const html = `<!doctype html>
<title>tfjs-to-onnx</title>
<script type="importmap">
{"imports": {
  "onnxruntime-web": "./ort/ort.bundle.min.mjs",
  "onnxruntime-web/wasm": "./ort/ort.wasm.bundle.min.mjs",
  "onnxruntime-web/webgpu": "./ort/ort.webgpu.bundle.min.mjs"
}}
</script>
<script type="module" src="./page/page.js"></script>
`;

async function openBrowser(options: SessionOptions): Promise<Line> {
  const program = requireBrowser();
  const folders = {
    ort: await findOrtWeb(),
    page: join(packageRoot, "dist", "bundle", "page"),
  };
  const server = await servePage({ html, folders });
  const browser = await launchBrowser(program, server.url);
  void browser.ended.then((how) => server.fail(endedEarly(program, how)));
  const late = setTimeout(() => {
    server.fail(new SetupError(`the browser ${program} opened no page in ${START_MS / 1000} s`));
  }, START_MS);
  const close = async (): Promise<void> => {
    await browser.close();
    await server.close();
  };
  try {
    const name = nameOf(await server.ready);
    options.onNote?.(`in ${name}: ${program}`);
  } catch (error) {
    await close();
    throw error;
  } finally {
    clearTimeout(late);
  }
  const queue = new Queue();
  return { close, exchange: (command) => queue.run(() => server.exchange(command)) };
}

/** The folder of onnxruntime-web's bundles. @throws {SetupError} when it is not installed */
async function findOrtWeb(): Promise<string> {
  const { resolve } = createRequire(import.meta.url);
  return dirname(await importPackage("onnxruntime-web", async () => resolve("onnxruntime-web")));
}

/** `Chrome/156.0.0.0` out of what the page said of itself. */
function nameOf(bytes: Uint8Array): string {
  const { head } = decodeAnswer(bytes);
  if (head.kind === "failed") throw unpackError(head);
  const agent = head.kind === "ready" ? head.place : "";
  return /(?:Headless)?Chrome\/\S+/u.exec(agent)?.[0] ?? agent;
}
