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

/** A file's name for people: control characters, line breaks too, as JSON escapes them. */
export function printable(name: string): string {
  return /\p{Cc}/u.test(name) ? JSON.stringify(name) : name;
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

/** Progress of steps whose number is found out on the way, beside lines on stdout. */
export interface CountingProgress {
  /** Whether anybody sees it. */
  readonly shown: boolean;
  update(done: number): void;
  /** From here on with a bar and the time left. */
  setTotal(total: number): void;
  /** Make room for a line on the same terminal. */
  clear(): void;
  stop(): void;
}

const REDRAW_MS = 100;

/** A line on stderr of how much is done, how fast, and what is left; silent when stderr is not a terminal. */
export function startCounting(label: string): CountingProgress {
  const nothing = (): void => undefined;
  if (!process.stderr.isTTY) return { shown: false, update: nothing, setTotal: nothing, clear: nothing, stop: nothing };
  const started = performance.now();
  let [done, drawn, total] = [0, 0, 0];
  const draw = (): void => {
    drawn = performance.now();
    process.stderr.write(`\r${label} ${countingLine(done, total, (drawn - started) / 1000)}\u001B[K`);
  };
  return {
    shown: true,
    update(now) {
      done = now;
      if (performance.now() - drawn >= REDRAW_MS) draw();
    },
    setTotal(found) {
      total = found;
      draw();
    },
    clear() {
      if (process.stdout.isTTY && drawn > 0) process.stderr.write("\r\u001B[K");
    },
    stop() {
      if (drawn > 0) process.stderr.write("\r\u001B[K");
    },
  };
}

const BAR = 24;

function countingLine(done: number, total: number, seconds: number): string {
  const rate = done / Math.max(seconds, 1e-3);
  const speed = `${Math.round(rate).toLocaleString("en")}/s`;
  if (total === 0) return `${done.toLocaleString("en")} ${speed}`;
  const share = Math.min(1, done / total);
  const bar = "█".repeat(Math.round(share * BAR)).padEnd(BAR, "░");
  const left = rate === 0 ? "" : ` ${clock((total - done) / rate)} left`;
  return `${bar} ${Math.floor(share * 100)}% ${done.toLocaleString("en")}/${total.toLocaleString("en")} ${speed}${left}`;
}

function clock(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds));
  const two = (value: number): string => String(value).padStart(2, "0");
  const [hours, minutes] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60];
  return hours > 0 ? `${hours}:${two(minutes)}:${two(whole % 60)}` : `${minutes}:${two(whole % 60)}`;
}
