// `npm start`: from a fresh clone to one table in which every runtime agrees: set up, train, export, infer, compare.
import { spawnSync } from "node:child_process";

import { cli, ensureBuild, ensureDependencies } from "./bootstrap.mjs";

ensureDependencies();
ensureBuild();
const { status, signal } = spawnSync(process.execPath, [cli, "pipeline", ...process.argv.slice(2)], {
  stdio: "inherit",
});
process.exit(status ?? (signal === "SIGINT" ? 130 : 1));
