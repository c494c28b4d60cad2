import { homedir } from "node:os";
import { isAbsolute, join } from "node:path";
import type { Environment } from "./environment.ts";

/**
 * The folder that keeps what was downloaded or built for this user, shared by all checkouts: `$TFJS_TO_ONNX_CACHE`, else
 * `tfjs-to-onnx` in the user's cache folder (`$XDG_CACHE_HOME`, which must be absolute by its specification; else what
 * the platform uses). It may not exist yet.
 */
export function cacheDir(env: Environment = process.env, platform: NodeJS.Platform = process.platform): string {
  const own = env["TFJS_TO_ONNX_CACHE"];
  if (own !== undefined && own !== "") return own;
  return join(userCacheDir(env, platform), "tfjs-to-onnx");
}

function userCacheDir(env: Environment, platform: NodeJS.Platform): string {
  const xdg = env["XDG_CACHE_HOME"];
  if (xdg !== undefined && isAbsolute(xdg)) return xdg;
  if (platform === "darwin") return join(homedir(), "Library", "Caches");
  if (platform === "win32") return env["LOCALAPPDATA"] ?? join(homedir(), "AppData", "Local");
  return join(homedir(), ".cache");
}
