import { playwright } from "@vitest/browser-playwright";
import { defineConfig, type TestProjectConfiguration, type ViteUserConfig } from "vitest/config";

import { browserFlags, isolationHeaders } from "./src/node/browser/browser-flags.ts";
import { findBrowser } from "./src/node/browser/find-browser.ts";
import { LongestFirst } from "./test/helpers/longest-first.ts";
import { softwareVulkan } from "./test/helpers/vulkan.ts";

const timeouts = { testTimeout: 60_000, hookTimeout: 60_000 };

const browser = findBrowser();

const inNode: TestProjectConfiguration = {
  test: {
    ...timeouts,
    env: { ...softwareVulkan(browser), ORT_DISABLE_TELEMETRY: "1" },
    name: "node",
    include: ["test/**/*.test.ts"],
    exclude: ["test/web/**", "test/checker/**", "node_modules/**"],
    globalSetup: ["test/helpers/exports-folder.ts", "test/helpers/page-folder.ts"],
    pool: "forks",
  },
};

/** After the tests in Node, for it reads what they exported, and beside those in a browser, each on one core. */
const officialChecker: TestProjectConfiguration = {
  test: {
    ...timeouts,
    name: "checker",
    include: ["test/checker/**/*.test.ts"],
    globalSetup: ["test/helpers/exports-folder.ts"],
    fileParallelism: false,
    sequence: { groupOrder: 1 },
    pool: "forks",
  },
};

/** In a headless Chromium whose pages are cross-origin isolated, so that WebAssembly has threads. */
function inBrowser(executablePath: string): TestProjectConfiguration {
  return {
    server: { headers: { ...isolationHeaders } },
    optimizeDeps: {
      include: ["protobufjs/minimal.js", "@tensorflow/tfjs", "@tensorflow/tfjs-backend-wasm"],
      // They find their .wasm files beside themselves.
      exclude: ["onnxruntime-web", "onnxruntime-web/wasm", "onnxruntime-web/webgpu"],
    },
    test: {
      ...timeouts,
      name: "browser",
      include: ["test/web/**/*.test.ts"],
      fileParallelism: false,
      sequence: { groupOrder: 1 },
      browser: {
        enabled: true,
        headless: true,
        screenshotFailures: false,
        provider: playwright({ launchOptions: { executablePath, args: [...browserFlags] } }),
        instances: [{ browser: "chromium" }],
      },
    },
  };
}

if (browser === undefined) {
  process.stderr.write("skipped: no Chromium or Chrome on this machine, so the tests in test/web are left out\n");
}

const config: ViteUserConfig = defineConfig({
  test: {
    // One more than CI's two cores: tests of pages and servers wait for most of their time.
    maxWorkers: 3,
    sequence: { sequencer: LongestFirst },
    projects: browser === undefined ? [inNode, officialChecker] : [inNode, officialChecker, inBrowser(browser)],
  },
});

export default config;
