import type { ExportedValue } from "../../../src/export/export-model.ts";

/** `2.9 MB`; sizes as files have them, in powers of 1000. */
export function showBytes(bytes: number): string {
  if (bytes < 1000) return `${bytes} bytes`;
  const [unit, size] = bytes < 1e6 ? ["kB", 1e3] : bytes < 1e9 ? ["MB", 1e6] : ["GB", 1e9];
  const value = bytes / size;
  return `${value < 10 ? value.toFixed(1) : Math.round(value).toLocaleString("en")} ${unit}`;
}

export function showCount(count: number): string {
  return count.toLocaleString("en");
}

/** `1 output`, `12 outputs`. */
export function counted(count: number, noun: string): string {
  return `${showCount(count)} ${noun}${count === 1 ? "" : "s"}`;
}

export function showShape(dims: ExportedValue["dims"]): string {
  return `[${dims.map((dim) => (typeof dim === "number" ? dim : dim.replaceAll("*", " × "))).join(", ")}]`;
}

/** `0.031 ms`, `1.54 ms`, `12.3 ms`, `220 ms`. */
export function showMs(ms: number): string {
  if (ms < 1) return `${ms.toFixed(3)} ms`;
  if (ms < 10) return `${ms.toFixed(2)} ms`;
  return ms < 100 ? `${ms.toFixed(1)} ms` : `${Math.round(ms).toLocaleString("en")} ms`;
}

/** `0`, `3.1e-7`, `0.012`. */
export function showDifference(difference: number): string {
  if (Number.isNaN(difference)) return "none: not comparable";
  if (difference === 0) return "0";
  return difference < 1e-3 || difference >= 1e5 ? difference.toExponential(1) : difference.toPrecision(2);
}
