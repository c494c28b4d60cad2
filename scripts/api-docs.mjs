// `npm run docs:api`: the reference of every exported name, from the docstrings of src, as Markdown in docs/api/. typedoc knows the
// TypeScript of its own version and not yet this project's, so both are installed in tools/api, a workspace of its own.
import { spawnSync } from "node:child_process";
import { join } from "node:path";

import { ensureDependencies, root } from "./bootstrap.mjs";

ensureDependencies();
const { status } = spawnSync(
  process.execPath,
  [
    join(root, "tools", "api", "node_modules", "typedoc", "bin", "typedoc"),
    "--options",
    join(root, "tools", "api", "typedoc.json"),
  ],
  { cwd: root, stdio: ["ignore", 2, 2] },
);
process.exit(status ?? 1);
