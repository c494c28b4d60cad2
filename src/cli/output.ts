import { at } from "../require.ts";

import { once } from "node:events";
import { styleText } from "node:util";

/** Text in one of the few styles that this program uses. */
export interface Styled {
  readonly style: Style;
  readonly text: string;
}

type Style = keyof typeof FORMATS;

const FORMATS = { strong: "bold", good: "green", bad: "red", hint: "cyan", faint: "dim" } as const;

export type Text = string | Styled;

/** What `--quiet` and `export -o -` change, for the whole process. */
const mode: { quiet: boolean; needsReader: boolean; lines: NodeJS.WriteStream } = {
  quiet: false,
  needsReader: false,
  lines: process.stdout,
};

/** Print only answers and errors: no notes, no summaries and no progress. */
export function beQuiet(): void {
  mode.quiet = true;
}

export function isQuiet(): boolean {
  return mode.quiet;
}

/** Lines for people go to stderr, because stdout is the output file. */
export function keepStdoutForData(): void {
  mode.lines = process.stderr;
}

/** From now on, a reader of stdout that goes away is a fault: what it has is only a part of the answers. */
export function needReader(): void {
  mode.needsReader = true;
}

export function needsReader(): boolean {
  return mode.needsReader;
}

/** One JSON object on a line of stdout. */
export function printJson(value: unknown): void {
  printJsonText(JSON.stringify(value));
}

/** A line of stdout that is JSON already. */
export function printJsonText(json: string): void {
  process.stdout.write(`${json}\n`);
}

/** Waits for a slow reader of stdout, where lines would be held in memory for it. */
export async function stdoutTaken(): Promise<void> {
  if (process.stdout.writableNeedDrain) await once(process.stdout, "drain");
}

/** A line for people on stdout, see {@link plain}; commands print it only without `--json`. */
export function printLine(...parts: readonly Text[]): void {
  mode.lines.write(`${rendered(parts, mode.lines)}\n`);
}

/** The same, of what was done rather than an answer: not with `--quiet`. */
export function printSummary(...parts: readonly Text[]): void {
  if (!mode.quiet) printLine(...parts);
}

/** A table for people on stdout. */
export function printTable(head: readonly string[], rows: readonly (readonly string[])[]): void {
  const widths = head.map((title, column) => Math.max(title.length, ...rows.map((row) => at(row, column).length)));
  const line = (cells: readonly string[]): string =>
    cells
      .map((cell, column) => cell.padEnd(at(widths, column)))
      .join("  ")
      .trimEnd();
  printLine({ style: "strong", text: line(head) });
  printLine({ style: "faint", text: widths.map((width) => "-".repeat(width)).join("  ") });
  for (const row of rows) printLine(line(row));
}

/** A note on stderr: warnings, where something ran, what was skipped. Not with `--quiet`. */
export function note(...parts: readonly Text[]): void {
  if (!mode.quiet) complain(...parts);
}

/** An error on stderr, with `--quiet` too. */
export function complain(...parts: readonly Text[]): void {
  process.stderr.write(`${rendered(parts, process.stderr)}\n`);
}

function rendered(parts: readonly Text[], stream: NodeJS.WriteStream): string {
  const coloured = hasColours(stream);
  return parts
    .map((part) => {
      if (typeof part === "string") return plain(part);
      return coloured ? styleText(FORMATS[part.style], plain(part.text), { validateStream: false }) : plain(part.text);
    })
    .join("");
}

/** On a terminal that has colours, unless `NO_COLOR` is set (no-color.org); with `FORCE_COLOR` everywhere. */
function hasColours(stream: NodeJS.WriteStream): boolean {
  const { NO_COLOR: none, FORCE_COLOR: forced } = process.env;
  if (none !== undefined && none !== "") return false;
  if (forced !== undefined) return forced !== "0" && forced !== "false";
  return stream.isTTY && stream.hasColors();
}

/** Control characters, which names in a file may hold to rule a terminal, are shown as numbers; line breaks stay. */
function plain(text: string): string {
  return text.replaceAll(/[^\P{Cc}\n]/gu, (control) => {
    return `\\u${(control.codePointAt(0) ?? 0).toString(16).padStart(4, "0")}`;
  });
}

/** A file's name for people: control characters, line breaks too, as JSON escapes them. */
export function printable(name: string): string {
  return /\p{Cc}/u.test(name) ? JSON.stringify(name) : name;
}
