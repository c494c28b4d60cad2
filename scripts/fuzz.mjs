// `npm run fuzz [-- RUNS [SEED]]`: thousands of random models beside TF.js, from a new seed each time.
// `npm run fuzz -- --corrupt [RUNS [SEED]]`: sample models, each damaged in RUNS ways.
import { spawnSync } from "node:child_process";
import { join } from "node:path";

import { ensureDependencies, root } from "./bootstrap.mjs";

ensureDependencies();
const corrupt = process.argv.includes("--corrupt");
const given = process.argv.slice(2).filter((argument) => argument !== "--corrupt");
const [runs = corrupt ? "1000" : "3000", seed = String(Date.now() % 2 ** 31)] = given;
process.stderr.write(
  corrupt ? `models damaged in ${runs} ways each, from seed ${seed}\n` : `${runs} random models from seed ${seed}\n`,
);
const vitest = join(root, "node_modules", "vitest", "vitest.mjs");
const { status } = spawnSync(process.execPath, [vitest, "run", corrupt ? "test/corrupt" : "test/fuzz"], {
  cwd: root,
  stdio: "inherit",
  env: {
    ...process.env,
    ...(corrupt ? { CORRUPT_RUNS: runs, CORRUPT_SEED: seed } : { FUZZ_RUNS: runs, FUZZ_SEED: seed }),
  },
});
process.exit(status ?? 1);
