import { SetupError } from "../../errors.ts";

/** The code of a system error (`ENOSPC`), if it is one. */
export function errorCode(error: unknown): string | undefined {
  return error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : undefined;
}

/** What an error says, whatever was thrown. */
export function errorText(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** Say a system error of the cache folder in the user's words; errors that are not one are returned as they are. */
export function explainCacheFault(error: unknown, folder: string): unknown {
  const code = errorCode(error) ?? "";
  if (["ENOSPC", "EDQUOT"].includes(code)) return diskFull(folder, error);
  if (!["EACCES", "EPERM", "EROFS", "ENOTDIR"].includes(code)) return error;
  return new SetupError(`cannot write the cache folder ${folder}: ${errorText(error)}`, {
    hint: "set TFJS_TO_ONNX_CACHE to a folder that can be written",
    cause: error,
  });
}

/** The disk of the cache folder ran full in the middle of something. */
export function diskFull(folder: string, cause?: unknown): SetupError {
  return new SetupError(`the disk of the cache folder ${folder} is full; what was half-written has been removed`, {
    hint: "free some space, or set TFJS_TO_ONNX_CACHE to a folder on a larger disk, and run it again",
    cause,
  });
}

/** Bytes as megabytes of a million, as download sizes are given: `259 MB`. */
export function megabytes(bytes: number): string {
  return `${Math.ceil(bytes / 1e6)} MB`;
}
