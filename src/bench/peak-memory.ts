import { readFileSync } from "node:fs";

/** The most memory this process has had resident so far, in bytes. */
export function peakBytes(): number {
  return highWater() ?? process.resourceUsage().maxRSS * 1024;
}

/** Linux counts the parent's memory at the fork into maxRSS, but not into VmHWM. */
function highWater(): number | null {
  try {
    const kilobytes = /^VmHWM:\s*(\d+) kB$/m.exec(readFileSync("/proc/self/status", "utf8"))?.[1];
    return kilobytes === undefined ? null : Number(kilobytes) * 1024;
  } catch {
    return null;
  }
}
