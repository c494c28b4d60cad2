import type { Command } from "commander";

import { baseCommand, type CommonOptions } from "./base-command.ts";
import { measureCache, runChecks, type Check } from "./doctor-checks.ts";
import { printJson, printLine } from "./output.ts";

export function create(summary: string): Command {
  return baseCommand("doctor", summary, ["doctor", "doctor --json"])
    .addHelpText("after", "\nExits 0 when everything that export and infer need is installed; the rest is optional.")
    .action(async (options: CommonOptions) => examine(options));
}

async function examine(options: CommonOptions): Promise<void> {
  const [checks, cache] = await Promise.all([runChecks(), measureCache()]);
  const ok = checks.every(({ needed, state }) => !needed || state === "ok");
  if (options.json === true) printJson({ ok, checks, cache });
  else print(checks, cache, ok);
  if (!ok) process.exitCode = 1;
}

function print(checks: readonly Check[], cache: { folder: string; bytes: number }, ok: boolean): void {
  const width = Math.max(...checks.map(({ name }) => name.length)) + 2;
  const section = (title: string, needed: boolean): void => {
    printLine({ style: "strong", text: title });
    for (const check of checks.filter((candidate) => candidate.needed === needed)) printCheck(check, width);
  };
  section("Needed to export and infer:", true);
  section("Optional:", false);
  printLine(
    `Cache: ${cache.folder} (${(cache.bytes / 1e6).toFixed(0)} MB; it can be deleted, and is filled again when needed)`,
  );
  printLine(
    ok ? "Everything that export and infer need is installed." : "Something that export or infer needs is missing.",
  );
}

function printCheck(check: Check, width: number): void {
  const style = check.state === "ok" ? "good" : check.needed ? "bad" : "faint";
  printLine("  ", { style, text: check.state.padEnd(12) }, `${check.name.padEnd(width)}${check.found}`);
  if (check.state === "ok") return;
  const indent = " ".repeat(14);
  printLine(`${indent}for: ${check.purpose}`);
  if (check.fix !== null) printLine(`${indent}fix: ${check.fix}`);
}
