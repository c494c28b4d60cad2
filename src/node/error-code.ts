/** The `code` of an error of Node's, such as ENOENT; undefined for others. */
export function codeOf(error: unknown): string | undefined {
  return error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : undefined;
}
