// `npm run cli -- COMMAND ...` in a checkout: make sure of the dependencies and the build, then run the command here.
import { join } from "node:path";
import { pathToFileURL } from "node:url";

import { ensureBuild, ensureDependencies, root } from "./bootstrap.mjs";

ensureDependencies();
ensureBuild();
await import(pathToFileURL(join(root, "dist", "bundle", "bin.js")).href);
