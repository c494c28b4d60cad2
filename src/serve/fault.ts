import { ToolError } from "../errors.ts";

/** Why a request got no answer. */
export type FaultKind = keyof typeof FAULTS;

/** Status of each kind of fault, over HTTP and over gRPC. */
const FAULTS = {
  invalid: { http: 400, grpc: 3 },
  unauthenticated: { http: 401, grpc: 16 },
  notFound: { http: 404, grpc: 5 },
  /** JSON cannot hold the answer. */
  notAcceptable: { http: 406, grpc: 3 },
  tooLarge: { http: 413, grpc: 8 },
  unsupportedMedia: { http: 415, grpc: 3 },
  /** The request is well formed, but its picture cannot be read. */
  unreadable: { http: 422, grpc: 3 },
  /** The client went away. No standard status says so; nginx's is widely known. */
  cancelled: { http: 499, grpc: 1 },
  /** The model or the server failed. */
  internal: { http: 500, grpc: 13 },
  unimplemented: { http: 501, grpc: 12 },
  /** Stopping, or the process that ran the request ended. */
  unavailable: { http: 503, grpc: 14 },
  /** The queue is full. */
  full: { http: 503, grpc: 8 },
  deadline: { http: 504, grpc: 4 },
} as const;

/** A request that is refused or failed, with the status that both protocols give it. */
export class RequestFault extends ToolError {
  override readonly name = "RequestFault";
  readonly kind: FaultKind;

  constructor(kind: FaultKind, message: string, options: { readonly hint?: string; readonly cause?: unknown } = {}) {
    super(message, options);
    this.kind = kind;
  }

  get httpStatus(): number {
    return FAULTS[this.kind].http;
  }

  get grpcStatus(): number {
    return FAULTS[this.kind].grpc;
  }

  /** The message with its hint, as a client is told. */
  get text(): string {
    return this.hint === undefined ? this.message : `${this.message} (${this.hint})`;
  }
}

/** Any error as a fault; what is no fault of a request is an internal one. */
export function faultOf(error: unknown): RequestFault {
  if (error instanceof RequestFault) return error;
  const message = error instanceof Error ? error.message : String(error);
  return new RequestFault("internal", message, { cause: error });
}
