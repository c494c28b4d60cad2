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

  /**
   * The message with its hint, as a client is told. Clients' own names and shapes are part of it: what is longer than a gRPC status may
   * be would never arrive.
   */
  get text(): string {
    const message = shortened(this.message, MOST_OF_MESSAGE);
    return this.hint === undefined ? message : `${message} (${shortened(this.hint, MOST_OF_MESSAGE)})`;
  }
}

/** Characters. gRPC sends a status as a header, with up to 9 bytes for one of them, and clients take 16 KiB of headers. */
const MOST_OF_MESSAGE = 500;

function shortened(text: string, most: number): string {
  if (text.length <= most) return text;
  const cut = text.slice(0, most / 2);
  // The cut may leave half of a surrogate pair, which a header cannot hold.
  return `${cut} [${text.length - most} more characters] ${text.slice(-most / 2)}`.replaceAll(LONE_SURROGATE, "\uFFFD");
}

const LONE_SURROGATE = /\p{Surrogate}/gu;

/** Any error as a fault; what is no fault of a request is an internal one. */
export function faultOf(error: unknown): RequestFault {
  if (error instanceof RequestFault) return error;
  const message = error instanceof Error ? error.message : String(error);
  return new RequestFault("internal", message, { cause: error });
}
