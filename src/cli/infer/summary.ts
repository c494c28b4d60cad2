import type { Session } from "../../infer/runtime.ts";

/** The last line of every inference: what was done, in what time, and where it really ran. */
export function summaryLine(session: Session, what: string, seconds: number): string {
  return `${what} in ${seconds.toFixed(2)} s by ${session.runtime} on ${session.provider}`;
}

export function percent(share: number): string {
  return `${(share * 100).toFixed(2)} %`;
}
