// What .ci/run runs: types, lint and format first, because they are quick, then every test, whose last line closes.
import { spawnSync } from "node:child_process";
import { join } from "node:path";

import { ensureBuild, ensureDependencies, root } from "./bootstrap.mjs";

ensureDependencies();
ensureBuild();

const bin = join(root, "node_modules", ".bin");
/** @type {(readonly [string, readonly string[]])[]} */
const checks = [
  [join(bin, "tsc"), []],
  [join(bin, "tsc"), ["-p", "scripts"]],
  [join(bin, "tsc"), ["-p", "bench"]],
  [join(bin, "tsc"), ["-p", "web/service-worker"]],
  [join(bin, "oxlint"), ["--type-aware", "--deny-warnings"]],
  [join(bin, "oxfmt"), ["--check"]],
  [process.execPath, [join(root, "scripts", "test.mjs")]],
];
for (const [command, args] of checks) {
  const { status } = spawnSync(command, args, { cwd: root, stdio: "inherit" });
  if (status !== 0) process.exit(status ?? 1);
}
