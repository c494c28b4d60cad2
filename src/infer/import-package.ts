import { SetupError } from "../errors.ts";

/** onnxruntime-node's script would download CUDA's libraries, and fails where it cannot; no package here needs its own. */
const INSTALL = "npm install --ignore-scripts";

/**
 * Import an optional package when it is needed.
 *
 * @throws {SetupError} with the command that installs it, when it is not there; saying why, when it does not load.
 */
export async function importPackage<Module>(name: string, load: () => Promise<Module>): Promise<Module> {
  try {
    return await load();
  } catch (cause) {
    if (isMissing(cause)) {
      throw new SetupError(`the package ${name} is not installed`, { hint: `run: ${INSTALL} ${name}`, cause });
    }
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new SetupError(`the package ${name} does not load: ${reason}`, {
      hint: `install it again: ${INSTALL} ${name}`,
      cause,
    });
  }
}

function isMissing(cause: unknown): boolean {
  if (!(cause instanceof Error) || !("code" in cause)) return false;
  return cause.code === "ERR_MODULE_NOT_FOUND" || cause.code === "MODULE_NOT_FOUND";
}

/** Whether this code runs in Node and not in a browser. */
export function inNode(): boolean {
  return typeof process !== "undefined" && typeof process.versions?.node === "string";
}
