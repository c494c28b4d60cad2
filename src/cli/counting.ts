import { isQuiet } from "./output.ts";

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

/** A line on stderr of how much is done, how fast, and what is left; silent with `--quiet` and when stderr is not a terminal. */
export function startCounting(label: string): CountingProgress {
  const nothing = (): void => undefined;
  if (!process.stderr.isTTY || isQuiet())
    return { shown: false, update: nothing, setTotal: nothing, clear: nothing, stop: nothing };
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
