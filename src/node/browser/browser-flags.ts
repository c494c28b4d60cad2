/**
 * Flags of a headless Chromium that runs models and reaches nothing outside this machine. WebGPU is allowed on software
 * adapters. As Playwright does, it has no sandbox on Linux, where containers and hardened kernels have none to give:
 * it opens pages of this program only.
 */
export const browserFlags: readonly string[] = [
  "--headless",
  "--enable-unsafe-webgpu",
  "--no-first-run",
  "--no-default-browser-check",
  "--disable-extensions",
  "--disable-quic",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
  "--disable-dev-shm-usage",
  "--password-store=basic",
  "--use-mock-keychain",
  ...(process.platform === "linux" ? ["--no-sandbox"] : []),
];

/** What a page must be served with to have threads: `crossOriginIsolated`. */
export const isolationHeaders: Readonly<Record<string, string>> = {
  "Cross-Origin-Opener-Policy": "same-origin",
  "Cross-Origin-Embedder-Policy": "require-corp",
  "Cross-Origin-Resource-Policy": "same-origin",
};
