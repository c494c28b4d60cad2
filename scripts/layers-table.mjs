// Writes docs/layers.md, the support table, from the registry: node scripts/layers-table.mjs
import { mkdirSync, writeFileSync } from "node:fs";
import path from "node:path";

import { ensureBuild, root } from "./bootstrap.mjs";

ensureBuild();
const { layersTable } = await import("../dist/export/layers-table.js");
mkdirSync(path.join(root, "docs"), { recursive: true });
writeFileSync(path.join(root, "docs", "layers.md"), layersTable());
