import { Option, type Command } from "commander";

import { UsageError } from "../errors.ts";
import type { Provider, Runtime, RuntimeName } from "../infer/runtime.ts";
import { getRuntime, providersOf } from "../infer/runtimes.ts";
import { gpuHooks } from "../node/gpu/index.ts";
import { findModel } from "../node/open-recognizer.ts";

import { baseCommand, type CommonOptions } from "./base-command.ts";
import { parseTensors } from "./infer/tensors.ts";
import { loadNative } from "./native-tensorflow.ts";
import { collect, parseWhole } from "./option-parsers.ts";
import { note } from "./output.ts";
import { delayWasmOptimisation } from "./patient-wasm.ts";

interface InferOptions extends CommonOptions {
  readonly model?: string;
  readonly runtime: RuntimeName;
  readonly provider?: Provider | "auto";
  readonly threads?: number;
  readonly batchSize: number;
  readonly dataset?: string;
  readonly data?: string;
  readonly limit?: number;
  readonly null?: true;
  readonly tensor?: readonly string[];
  readonly out?: string;
  readonly browser?: true;
}

export function create(summary: string): Command {
  return baseCommand("infer", summary, [
    "infer photo.png scans/ 'more/**/*.jpg'",
    "infer --runtime web",
    "infer photo.png --runtime web --browser --provider webgpu",
    "infer --dataset mnist --data ~/mnist --json",
    "find . -name '*.png' | tfjs-to-onnx infer - --json",
    "find . -name '*.png' -print0 | tfjs-to-onnx infer - --null",
    "infer --model model.onnx --tensor input=x.npy --out results",
    "infer -- -odd-name.png",
  ])
    .argument("[input...]", "pictures, folders, globs, - for a list on stdin; without one, a sample of the test set")
    .option(
      "--model <file|name>",
      "an ONNX file or a shipped model (default: the last export here, else crnn-mnist-best)",
    )
    .addOption(new Option("--runtime <name>", "what runs it").choices(["node", "web", "tfjs"]).default("node"))
    .addOption(
      new Option("--provider <name>", "where it runs (default: the runtime's own)").choices([
        "auto",
        "cpu",
        "wasm",
        "webgpu",
        "tensorflow",
      ]),
    )
    .option("--threads <n>", "threads of one operator", parseWhole("--threads", 1))
    .option(
      "--batch-size <n>",
      "pictures in one run, where the model leaves it free",
      parseWhole("--batch-size", 1),
      64,
    )
    .addOption(new Option("--dataset <name>", "score a labelled test set").choices(["auto", "mnist", "digits"]))
    .option("--data <dir>", "folder of MNIST's files")
    .option("--limit <n>", "take the first images only", parseWhole("--limit", 1))
    .option("-0, --null", "paths on stdin are separated by NUL, as find -print0 writes them")
    .option("--tensor <name=file>", "a raw input tensor, .npy; may be repeated", collect)
    .option("--out <dir>", "folder for the outputs of --tensor, each NAME.npy")
    .addOption(
      new Option("--browser", "in headless Chromium instead of this process: --runtime web").implies({
        runtime: "web",
      }),
    )
    .action(run);
}

async function run(inputs: readonly string[], options: InferOptions): Promise<void> {
  checkUsage(inputs, options);
  const tensors = parseTensors(options.tensor ?? []);
  const found = await findModel(options.model, options.runtime);
  // Before the runtime starts: a model that says nothing of pictures needs none.
  const recognizer = tensors.length === 0 && options.dataset === undefined ? found.recognizer() : null;
  const runtime = await openRuntime(options);
  const session = await runtime.load(found.model, {
    ...(options.provider === undefined ? {} : { provider: options.provider }),
    ...(options.threads === undefined ? {} : { threads: options.threads }),
    externalData: found.externalData,
    onNote: note,
  });
  try {
    if (tensors.length > 0) {
      const { runTensors } = await import("./infer/tensors.ts");
      await runTensors(session, tensors, options.out ?? ".", options);
    } else if (recognizer === null) {
      const { score } = await import("./infer/score.ts");
      await score(session, options.dataset ?? "auto", options);
    } else if (inputs.length > 0) {
      const { readInputs } = await import("./infer/read.ts");
      await readInputs(session, recognizer, inputs, options);
    } else {
      const { showSample } = await import("./infer/score.ts");
      note(`model ${found.path}`);
      await showSample(session, recognizer, options);
    }
  } finally {
    await session.dispose();
  }
}

function checkUsage(inputs: readonly string[], options: InferOptions): void {
  if (options.browser === true && options.runtime !== "web") {
    throw new UsageError(`--browser goes with --runtime web; got ${options.runtime}`);
  }
  if (options.tensor !== undefined && inputs.length > 0) {
    throw new UsageError("give pictures or --tensor, not both");
  }
  if (options.tensor !== undefined && options.dataset !== undefined) {
    throw new UsageError("give --dataset or --tensor, not both");
  }
  if (options.dataset !== undefined && inputs.length > 0) {
    throw new UsageError("give pictures or --dataset, not both");
  }
  if (options.out !== undefined && options.tensor === undefined) {
    throw new UsageError("--out is for the outputs of --tensor");
  }
  const { provider, runtime } = options;
  const provided: readonly string[] = providersOf[runtime];
  if (provider !== undefined && provider !== "auto" && !provided.includes(provider)) {
    throw new UsageError(`the runtime ${runtime} has the providers ${provided.join(", ")}; got ${provider}`);
  }
}

async function openRuntime({ browser, runtime }: InferOptions): Promise<Runtime> {
  if (browser !== true) {
    if (runtime !== "node") delayWasmOptimisation();
    return getRuntime(runtime, { loadNative, ...gpuHooks });
  }
  return (await import("../node/browser/browser-runtime.ts")).browserRuntime;
}
