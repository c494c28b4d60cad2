// `npm run fuzz [-- RUNS [SEED]]`: thousands of random models beside TF.js, from a new seed each time.
import { spawnSync } from "node:child_process";
import { join } from "node:path";

import { ensureDependencies, root } from "./bootstrap.mjs";

ensureDependencies();
const [runs = "3000", seed = String(Date.now() % 2 ** 31)] = process.argv.slice(2);
process.stderr.write(`${runs} random models from seed ${seed}\n`);
const vitest = join(root, "node_modules", "vitest", "vitest.mjs");
const { status } = spawnSync(process.execPath, [vitest, "run", "test/fuzz"], {
  cwd: root,
  stdio: "inherit",
  env: { ...process.env, FUZZ_RUNS: runs, FUZZ_SEED: seed },
});
process.exit(status ?? 1);
