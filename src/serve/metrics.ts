import type * as prom from "prom-client";

import type { FaultKind } from "./fault.ts";
import type { ServedModel } from "./served-model.ts";
import type { BatchRecord } from "./statistics.ts";

/** What is used of the package prom-client. */
export type Prometheus = Pick<typeof prom, "Registry" | "Counter" | "Gauge" | "Histogram" | "collectDefaultMetrics">;

/** Counters and histograms in the form that Prometheus reads. */
export interface Metrics {
  readonly contentType: string;
  text(): Promise<string>;
  addRequest(model: string, protocol: string, outcome: "ok" | FaultKind, seconds: number): void;
  addBatch(model: ServedModel, record: BatchRecord): void;
  addRestart(): void;
  addReload(model: string, outcome: "ok" | "failed"): void;
}

const SECONDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];
const ROWS = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512];

/** @param waiting Requests that wait now, by model and version. */
export function createMetrics(
  { Registry, Counter, Gauge, Histogram, collectDefaultMetrics }: Prometheus,
  waiting: () => Iterable<{ readonly model: ServedModel; readonly count: number }>,
): Metrics {
  const registry = new Registry();
  const registers = [registry];
  collectDefaultMetrics({ register: registry });
  const byModel = ["model", "version"] as const;
  const requests = new Counter({
    name: "tfjs_to_onnx_requests_total",
    help: "Requests answered, by outcome: ok, or the kind of fault.",
    labelNames: ["model", "protocol", "outcome"],
    registers,
  });
  const latency = new Histogram({
    name: "tfjs_to_onnx_request_seconds",
    help: "Seconds from a request's last byte to its answer.",
    labelNames: ["model", "protocol"],
    buckets: SECONDS,
    registers,
  });
  const queued = new Histogram({
    name: "tfjs_to_onnx_queue_seconds",
    help: "Seconds that a request waited to be run.",
    labelNames: byModel,
    buckets: SECONDS,
    registers,
  });
  const ran = new Histogram({
    name: "tfjs_to_onnx_run_seconds",
    help: "Seconds that one run of the model took.",
    labelNames: byModel,
    buckets: SECONDS,
    registers,
  });
  const rows = new Histogram({
    name: "tfjs_to_onnx_batch_rows",
    help: "Rows that ran together.",
    labelNames: byModel,
    buckets: ROWS,
    registers,
  });
  const restarts = new Counter({
    name: "tfjs_to_onnx_worker_restarts_total",
    help: "Worker processes that ended and were replaced.",
    registers,
  });
  const reloads = new Counter({
    name: "tfjs_to_onnx_model_loads_total",
    help: "Models loaded, at the start and when their files changed.",
    labelNames: ["model", "outcome"],
    registers,
  });
  const queue = new Gauge({
    name: "tfjs_to_onnx_queue_requests",
    help: "Requests that wait to be run.",
    labelNames: byModel,
    registers,
    collect() {
      queue.reset();
      for (const { model, count } of waiting()) queue.set({ model: model.name, version: model.version }, count);
    },
  });
  return {
    contentType: registry.contentType,
    text: () => registry.metrics(),
    addRequest(model, protocol, outcome, seconds) {
      requests.inc({ model, protocol, outcome });
      latency.observe({ model, protocol }, seconds);
    },
    addBatch({ name, version }, record) {
      const labels = { model: name, version };
      for (const ms of record.waited) queued.observe(labels, ms / 1000);
      ran.observe(labels, (record.ms.input + record.ms.infer + record.ms.output) / 1000);
      rows.observe(labels, record.rows);
    },
    addRestart: () => restarts.inc(),
    addReload: (model, outcome) => reloads.inc({ model, outcome }),
  };
}
