import type { Session } from "../../infer/runtime.ts";

/** The last line of every inference: what was done, in what time, and where it really ran. */
export function summaryLine(session: Session, what: string, seconds: number): string {
  return `${what} in ${seconds.toFixed(2)} s by ${session.runtime} on ${session.provider}${left(session)}`;
}

function left({ elsewhere }: Session): string {
  if (elsewhere.length === 0) return "";
  return `, ${elsewhere.length} ${elsewhere.length === 1 ? "node" : "nodes"} on the CPU`;
}

/** Where a session ran, as `--json` has it. */
export interface RanOn extends Pick<Session, "runtime" | "provider"> {
  /** Nodes that the provider left to another; absent where there are none. */
  readonly elsewhere?: readonly string[];
}

export function ranOn({ runtime, provider, elsewhere }: Session): RanOn {
  return { runtime, provider, ...(elsewhere.length === 0 ? {} : { elsewhere }) };
}

export function percent(share: number): string {
  return `${(share * 100).toFixed(2)} %`;
}
