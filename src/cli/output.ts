import { Presets, SingleBar } from "cli-progress";

/** One JSON object on a line of stdout. */
export function printJson(value: unknown): void {
  process.stdout.write(`${JSON.stringify(value)}\n`);
}

/** A line for people on stdout; commands print it only without `--json`. */
export function printLine(line: string): void {
  process.stdout.write(`${line}\n`);
}

/** A table for people on stdout. */
export function printTable(head: readonly string[], rows: readonly (readonly string[])[]): void {
  const widths = head.map((title, column) => Math.max(title.length, ...rows.map((row) => (row[column] ?? "").length)));
  const line = (cells: readonly string[]): string =>
    cells
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join("  ")
      .trimEnd();
  printLine(line(head));
  printLine(widths.map((width) => "-".repeat(width)).join("  "));
  for (const row of rows) printLine(line(row));
}

/** A note on stderr: warnings, where something ran, what was skipped. */
export function note(line: string): void {
  process.stderr.write(`${line}\n`);
}

/** Progress of a known number of steps. */
export interface Progress {
  update(done: number, status?: string): void;
  stop(): void;
}

/** A progress bar with time left on stderr; silent when stderr is not a terminal. */
export function startProgress(label: string, total: number): Progress {
  if (!process.stderr.isTTY) return { update: () => undefined, stop: () => undefined };
  const bar = new SingleBar(
    {
      format: `${label} {bar} {percentage}% {value}/{total} {status} {eta_formatted} left`,
      stream: process.stderr,
      hideCursor: true,
      etaBuffer: 50,
    },
    Presets.shades_classic,
  );
  bar.start(total, 0, { status: "" });
  return {
    update: (done, status) => bar.update(done, status === undefined ? undefined : { status }),
    stop: () => bar.stop(),
  };
}
