// Writes docs/ops.md, the support table, from the registry: node scripts/ops-table.mjs
import { mkdirSync, writeFileSync } from "node:fs";
import path from "node:path";

import { ensureBuild, root } from "./bootstrap.mjs";

ensureBuild();
const { opsTable } = await import("../dist/export/graph/ops-table.js");
mkdirSync(path.join(root, "docs"), { recursive: true });
writeFileSync(path.join(root, "docs", "ops.md"), opsTable());
