// `npm run cli -- COMMAND ...` in a checkout: make sure of the dependencies and the build, then run the command here.
import { pathToFileURL } from "node:url";

import { cli, ensureBuild, ensureDependencies } from "./bootstrap.mjs";

ensureDependencies();
ensureBuild();
await import(pathToFileURL(cli).href);
