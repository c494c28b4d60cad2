/** One JSON object on a line of stdout. */
export function printJson(value: unknown): void {
  process.stdout.write(`${JSON.stringify(value)}\n`);
}

/** A line for people on stdout, see {@link plain}; commands print it only without `--json`. */
export function printLine(line: string): void {
  process.stdout.write(`${plain(line)}\n`);
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
  process.stderr.write(`${plain(line)}\n`);
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
