import { SetupError } from "../errors.ts";

/** The packages of these that are not installed where this package finds them. They are resolved, not loaded. */
export function missingPackages(names: readonly string[]): string[] {
  return names.filter((name) => {
    try {
      import.meta.resolve(name);
      return false;
    } catch (error) {
      if (error instanceof Error && "code" in error && error.code === "ERR_MODULE_NOT_FOUND") return true;
      throw error;
    }
  });
}

/**
 * Check optional packages before work begins that needs all of them.
 *
 * @throws {SetupError} naming every one that is missing, with one command that installs them
 */
export function assertInstalled(names: readonly string[]): void {
  const missing = missingPackages(names);
  const [first, ...rest] = missing;
  if (first === undefined) return;
  const what =
    rest.length === 0
      ? `the package ${first} is not installed`
      : `the packages ${missing.slice(0, -1).join(", ")} and ${missing.at(-1)} are not installed`;
  throw new SetupError(what, { hint: `run: npm install --ignore-scripts ${missing.join(" ")}` });
}
