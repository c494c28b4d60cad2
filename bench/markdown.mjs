import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { cpus, loadavg } from "node:os";
import path from "node:path";

/**
 * A Markdown table: text on the left, numbers on the right.
 *
 * @param {readonly string[]} head
 * @param {readonly (readonly string[])[]} rows
 * @param {number} [texts] how many columns hold text
 */
export function table(head, rows, texts = 1) {
  /** @param {readonly string[]} cells */
  const line = (cells) => `| ${cells.join(" | ")} |`;
  return [line(head), line(head.map((_, column) => (column < texts ? "---" : "---:"))), ...rows.map(line)].join("\n");
}

/** What the figures were measured on, and when. */
export function machine() {
  const model = cpus()[0]?.model ?? "unknown processor";
  const date = new Date().toISOString().slice(0, 10);
  const [load = 0] = loadavg();
  // A bench itself keeps one or two cores busy.
  const busy = load > cpus().length + 2 ? `, busy with other work (load ${load.toFixed(0)})` : "";
  return `${date}, Node ${process.version}, ${process.platform} ${process.arch}, ${cpus().length} x ${model}${busy}`;
}

/** @param {readonly number[]} values */
export function median(values) {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
}

/** @param {number} value milliseconds */
export function milliseconds(value) {
  if (Number.isNaN(value)) return "";
  if (value >= 1000) return `${(value / 1000).toFixed(1)} s`;
  return value < 10 ? `${value.toFixed(value < 1 ? 3 : 2)} ms` : `${value.toFixed(0)} ms`;
}

/** @param {number} count */
export function bytes(count) {
  return count < 1e6 ? `${(count / 1e3).toFixed(1)} kB` : `${(count / 1e6).toFixed(2)} MB`;
}

/**
 * Put the figures of one script into docs/benchmarks.md, or another file, in place of its last ones.
 *
 * @param {string} section name of the section's marks
 * @param {string} text
 * @param {string} [into] path in the repository
 */
export function record(section, text, into = "docs/benchmarks.md") {
  const file = path.resolve(import.meta.dirname, "..", into);
  const head = "# Benchmarks\n\nWritten by the scripts in bench/; each part says which, on what machine and when.\n";
  const before = existsSync(file) ? readFileSync(file, "utf8") : head;
  const [open, close] = [`<!-- ${section} -->`, `<!-- end of ${section} -->`];
  const part = `${open}\n\n${text}\n\n${close}`;
  const [start, end] = [before.indexOf(open), before.indexOf(close)];
  const after =
    start === -1
      ? `${before.trimEnd()}\n\n${part}\n`
      : before.slice(0, start) + part + before.slice(end + close.length);
  writeFileSync(file, after);
}
