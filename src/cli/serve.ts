import { availableParallelism } from "node:os";
import { readFile } from "node:fs/promises";

import { Option, type Command } from "commander";

import { ToolError, UsageError } from "../errors.ts";
import { startServer, type RunningServer } from "../serve/server.ts";

import { baseCommand, type CommonOptions } from "./base-command.ts";
import { parseTolerance, parseWhole } from "./option-parsers.ts";
import { note, printJson } from "./output.ts";

interface ServeCommandOptions extends CommonOptions {
  readonly host: string;
  readonly http: number;
  readonly grpc: number | boolean;
  readonly processes: number;
  readonly threads: number;
  readonly maxBatch: number;
  readonly maxDelay: number;
  readonly maxQueue: number;
  readonly maxBody: number;
  readonly timeout: number;
  readonly clientTimeout: number;
  readonly drain: number;
  readonly poll: number;
  readonly apiKey?: string;
  readonly apiKeyFile?: string;
  readonly metrics: boolean;
  readonly logLevel: string;
}

const HTTP_PORT = 8000;
const GRPC_PORT = 8001;
const MOST_PORT = 65_535;
/** Processes that are started unasked. */
const MOST_PROCESSES = 8;
const MEBIBYTE = 2 ** 20;
/** The second signal ends the process at once. */
const EXIT_INTERRUPTED = 130;

export function create(summary: string): Command {
  return baseCommand("serve", summary, [
    "serve crnn-mnist-best",
    "serve models/crnn-mnist digits=other.onnx --processes 4",
    "serve ./repository --max-batch 64 --max-delay 5",
    "serve model.onnx --host 0.0.0.0 --api-key-file /run/secrets/key",
    "serve model.onnx --http 8080 --no-grpc",
  ])
    .argument(
      "<model...>",
      "ONNX files, folders of model.onnx, folders of models as Triton lays them out (NAME/1/model.onnx), shipped models, or NAME=FILE",
    )
    .option("--host <address>", "address to listen on; 0.0.0.0 is every one of this machine", "127.0.0.1")
    .option("--http <port>", "port for HTTP; 0 takes a free one", parseWhole("--http", 0, MOST_PORT), HTTP_PORT)
    .option("--grpc <port>", "port for gRPC; 0 takes a free one", parseWhole("--grpc", 0, MOST_PORT), GRPC_PORT)
    .option("--no-grpc", "serve HTTP only")
    .option(
      "--processes <n>",
      "processes that run models; without it one for each core, at most 8",
      parseWhole("--processes", 1, 256),
      Math.min(availableParallelism(), MOST_PROCESSES),
    )
    .option("--threads <n>", "threads of one operator in each process", parseWhole("--threads", 1, 256), 1)
    .option("--max-batch <n>", "rows of requests that run together, at most", parseWhole("--max-batch", 1, 65_536), 64)
    .option(
      "--max-delay <ms>",
      "milliseconds that a request waits for others to run with",
      parseTolerance("--max-delay"),
      2,
    )
    .option(
      "--max-queue <n>",
      "requests of one model that wait; more are refused at once (503, RESOURCE_EXHAUSTED)",
      parseWhole("--max-queue", 1),
      256,
    )
    .option(
      "--max-body <MiB>",
      "mebibytes of one request, also once decompressed",
      parseWhole("--max-body", 1, 2047),
      64,
    )
    .option(
      "--timeout <s>",
      "seconds that a request may take when it names no earlier deadline",
      parseWhole("--timeout", 1, 86_400),
      60,
    )
    .option(
      "--client-timeout <s>",
      "seconds for a client to send a whole HTTP request",
      parseWhole("--client-timeout", 1, 86_400),
      60,
    )
    .option("--drain <s>", "seconds to answer what is left after SIGTERM", parseWhole("--drain", 0, 86_400), 30)
    .option(
      "--poll <s>",
      "seconds between two looks for changed model files; 0 never looks",
      parseTolerance("--poll"),
      2,
    )
    .addOption(
      new Option("--api-key <key>", "refuse requests without this key; other users of this machine see it here").env(
        "TFJS_TO_ONNX_API_KEY",
      ),
    )
    .option("--api-key-file <file>", "the same, out of a file")
    .option("--no-metrics", "no /metrics for Prometheus")
    .addOption(
      new Option("--log-level <level>", "lines of JSON on stderr")
        .choices(["debug", "info", "warn", "error", "silent"])
        .default("info"),
    )
    .addHelpText(
      "after",
      `
The protocol is the Open Inference Protocol, version 2, over HTTP and gRPC, which clients of KServe and Triton speak.
POST /v2/models/NAME/read takes a PNG or JPEG and answers what "infer" prints.

TLS is left to a proxy in front (nginx, Envoy, an ingress): this server speaks plain HTTP and gRPC, so do not put it on
a network that others read, nor send an API key over one, without a proxy.`,
    )
    .action(run);
}

async function run(models: readonly string[], options: ServeCommandOptions): Promise<void> {
  if (options.http !== 0 && options.http === options.grpc)
    throw new UsageError("--http and --grpc take different ports");
  const apiKey = await apiKeyOf(options);
  const server = await startServer({
    models,
    host: options.host,
    httpPort: options.http,
    grpcPort: typeof options.grpc === "number" ? options.grpc : null,
    processes: options.processes,
    threads: options.threads,
    maxBatch: options.maxBatch,
    maxDelay: options.maxDelay,
    maxQueue: options.maxQueue,
    maxBody: options.maxBody * MEBIBYTE,
    timeout: options.timeout * 1000,
    clientTimeout: options.clientTimeout * 1000,
    poll: options.poll * 1000,
    apiKey,
    metrics: options.metrics,
    logLevel: options.quiet === true ? "error" : options.logLevel,
    log: stderrLog(),
  });
  if (apiKey === null && !/^(?:127\.|localhost$|::1$)/u.test(options.host)) {
    note(
      `${options.host} is reached from other machines, and there is no --api-key: whoever reaches it may use the models`,
    );
  }
  if (options.json === true) printJson({ http: server.http, grpc: server.grpc, models: server.models });
  await untilStopped(server, options.drain * 1000);
}

async function apiKeyOf({ apiKey, apiKeyFile }: ServeCommandOptions): Promise<string | null> {
  if (apiKeyFile === undefined) {
    if (apiKey === "") throw new UsageError("the API key is empty");
    return apiKey ?? null;
  }
  const text = await readFile(apiKeyFile, "utf8").catch((cause: unknown) => {
    throw new ToolError(`cannot read the API key: ${cause instanceof Error ? cause.message : String(cause)}`);
  });
  const key = text.trim();
  if (key === "") throw new ToolError(`${apiKeyFile} holds no API key`);
  return key;
}

/** A log that cannot be written, on a full disk for one, is no reason to stop serving. */
function stderrLog(): { write(line: string): void } {
  process.stderr.on("error", () => undefined);
  return { write: (line) => void process.stderr.write(line) };
}

async function untilStopped(server: RunningServer, patience: number): Promise<void> {
  await new Promise<void>((resolve) => {
    let isStopping = false;
    const stop = (): void => {
      if (isStopping) process.exit(EXIT_INTERRUPTED);
      isStopping = true;
      resolve();
    };
    process.on("SIGTERM", stop);
    process.on("SIGINT", stop);
  });
  const answered = await server.close(patience);
  if (!answered) throw new ToolError(`some requests were not answered within ${patience / 1000} s; see --drain`);
}
