// `npm start`: from a fresh clone to one table in which every runtime agrees: set up, train, export, infer, compare.
import { spawnSync } from "node:child_process";
import { join } from "node:path";

import { ensureBuild, ensureDependencies, root } from "./bootstrap.mjs";

ensureDependencies();
ensureBuild();
const cli = join(root, "dist", "bundle", "bin.js");
const { status, signal } = spawnSync(process.execPath, [cli, "pipeline", ...process.argv.slice(2)], {
  stdio: "inherit",
});
process.exit(status ?? (signal === "SIGINT" ? 130 : 1));
