import type { Context, Span, TextMapGetter } from "@opentelemetry/api";

import type { RequestFault } from "./fault.ts";
import type { Timing } from "./scheduler.ts";

/** A request as it is traced. */
export interface TracedRequest {
  end(timing: Timing | null, fault: RequestFault | null): void;
}

/** Headers of a request, among which a trace's context may be. */
export type Headers = Readonly<Record<string, string | string[] | undefined>>;

export interface Tracing {
  start(name: string, attributes: Readonly<Record<string, string>>, headers: () => Headers): TracedRequest;
}

/** How a propagator reads them. */
const fromHeaders: TextMapGetter<() => Headers> = {
  get: (headers, name) => headers()[name],
  keys: (headers) => Object.keys(headers()),
};

const untraced: TracedRequest = { end: () => undefined };

/**
 * Spans by OpenTelemetry's API, where that package is installed: whoever sets up its SDK (`node --import`) gets them. Without the package there
 * are none.
 */
export async function openTracing(): Promise<Tracing> {
  let api: typeof import("@opentelemetry/api");
  try {
    api = await import("@opentelemetry/api");
  } catch {
    return { start: () => untraced };
  }
  const { trace, propagation, ROOT_CONTEXT, SpanKind, SpanStatusCode } = api;
  const tracer = trace.getTracer("tfjs-to-onnx");
  return {
    start(name, attributes, headers) {
      const parent = propagation.extract(ROOT_CONTEXT, headers, fromHeaders);
      const span = tracer.startSpan(name, { kind: SpanKind.SERVER, attributes }, parent);
      if (!span.isRecording()) return untraced;
      return {
        end(timing, fault) {
          if (timing !== null) addParts(span, trace.setSpan(parent, span), timing);
          if (fault !== null) span.setStatus({ code: SpanStatusCode.ERROR, message: fault.message });
          span.end();
        },
      };
    },
  };

  /** The wait in the queue and the run of the model, which are over. */
  function addParts(span: Span, within: Context, { waited, ms, rows }: Timing): void {
    const end = Date.now();
    const started = end - ms.input - ms.infer - ms.output;
    span.setAttribute("tfjs_to_onnx.batch_rows", rows);
    tracer.startSpan("queue", { startTime: started - waited }, within).end(started);
    tracer.startSpan("run", { startTime: started, attributes: { "tfjs_to_onnx.batch_rows": rows } }, within).end(end);
  }
}
