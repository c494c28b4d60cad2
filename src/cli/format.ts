/** `512 B`, `1.5 kB`, `2.25 MB`, in powers of 1000. */
export function formatBytes(bytes: number): string {
  if (bytes < 1000) return `${bytes} B`;
  return bytes < 1e6 ? `${(bytes / 1e3).toFixed(1)} kB` : `${(bytes / 1e6).toFixed(2)} MB`;
}

/** `11.6 MB`, in powers of 1000. */
export function formatMegabytes(bytes: number): string {
  return `${(bytes / 1e6).toFixed(1)} MB`;
}

/** `1.2e-7`; no difference at all is `0`. */
export function formatDifference(difference: number): string {
  return difference === 0 ? "0" : difference.toExponential(1);
}

/** `40 s`, `12 min`, `1 h 5 min`. @param milliseconds rounded to the last unit that is shown */
export function formatDuration(milliseconds: number): string {
  const seconds = Math.round(milliseconds / 1000);
  if (seconds < 60) return `${seconds} s`;
  const minutes = Math.round(seconds / 60);
  return minutes < 60 ? `${minutes} min` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}
