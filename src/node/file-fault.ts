const REASONS: ReadonlyMap<string, string> = new Map([
  ["ENOENT", "there is no such file"],
  ["ENOTDIR", "there is no such file"],
  ["EACCES", "you may not read it"],
  ["EPERM", "you may not read it"],
  ["ELOOP", "its links lead back to themselves"],
  ["ENAMETOOLONG", "its name is too long"],
  ["EISDIR", "it is a folder"],
  ["EMFILE", "too many files are open"],
]);

/** `cannot be read: there is no such file`: what a failed file operation means to people. */
export function fileFault(cause: unknown): string {
  const code = cause instanceof Error && "code" in cause ? String(cause.code) : "";
  const reason = REASONS.get(code) ?? (cause instanceof Error ? cause.message : String(cause));
  return `cannot be read: ${reason}`;
}
