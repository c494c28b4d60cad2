import type { Reading } from "../../infer/recognize.ts";
import type { Session } from "../../infer/runtime.ts";

/** A loaded model, and where it runs. */
export interface Loaded {
  readonly session: Session;
  /** Name of the shipped model, or path of the file. */
  readonly model: string;
  /** It runs in headless Chromium. */
  readonly browser: boolean;
}

/** The last line of every inference: what was done, in what time, by which model, and where it really ran. */
export function summaryLine({ session, model, browser }: Loaded, what: string, seconds: number): string {
  const where = `${session.runtime} on ${session.provider}${browser ? " in a browser" : ""}`;
  return `${what} in ${seconds.toFixed(2)} s by ${where}${left(session)} (model: ${model})`;
}

function left({ elsewhere }: Session): string {
  if (elsewhere.length === 0) return "";
  return `, ${elsewhere.length} ${elsewhere.length === 1 ? "node" : "nodes"} on the CPU`;
}

/** Where a session ran, as `--json` has it. */
export interface RanOn extends Pick<Session, "runtime" | "provider"> {
  /** Nodes that the provider left to another; absent where there are none. */
  readonly elsewhere?: readonly string[];
  /** In headless Chromium, as `--browser` asked for; else absent. */
  readonly browser?: true;
}

export function ranOn({ session: { runtime, provider, elsewhere }, browser }: Loaded): RanOn {
  return {
    runtime,
    provider,
    ...(browser ? { browser } : {}),
    ...(elsewhere.length === 0 ? {} : { elsewhere }),
  };
}

/** `7 (99.98 %)`, or `unsure (3? 12.40 %)` where a calibrated model is unsure. */
export function said({ text, confidence, unsure }: Pick<Reading, "text" | "confidence" | "unsure">): string {
  return unsure === true ? `unsure (${text}? ${percent(confidence)})` : `${text} (${percent(confidence)})`;
}

export function percent(share: number): string {
  return `${(share * 100).toFixed(2)} %`;
}
