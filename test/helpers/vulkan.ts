import { existsSync, readdirSync, realpathSync } from "node:fs";
import { dirname, join } from "node:path";

const DRIVERS: readonly string[] = ["/usr/share/vulkan/icd.d", "/etc/vulkan/icd.d", "/usr/local/share/vulkan/icd.d"];

/** Where packages put the browser that a program on `PATH` is only a wrapper of. */
const BROWSERS: readonly string[] = ["/usr/lib/chromium", "/usr/lib64/chromium-browser", "/opt/google/chrome"];

/**
 * The environment in which Vulkan finds a driver: as it is where one is installed, else with SwiftShader, which comes
 * with Chromium; empty where there is neither.
 */
export function softwareVulkan(browser: string | undefined): Record<string, string> {
  if (hasDriver()) return {};
  const folders = browser === undefined ? BROWSERS : [dirname(realpathSync(browser)), ...BROWSERS];
  const driver = folders.map((folder) => join(folder, "vk_swiftshader_icd.json")).find((path) => existsSync(path));
  return driver === undefined ? {} : { VK_ICD_FILENAMES: driver };
}

function hasDriver(): boolean {
  if (["VK_ICD_FILENAMES", "VK_DRIVER_FILES"].some((name) => (process.env[name] ?? "") !== "")) return true;
  return DRIVERS.some((folder) => existsSync(folder) && readdirSync(folder).some((name) => name.endsWith(".json")));
}
