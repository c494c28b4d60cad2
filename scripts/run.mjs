// `npm run cli -- COMMAND ...` in a checkout: make sure of the dependencies and the build, then run the command here.
import { ensureBuild, ensureDependencies } from "./bootstrap.mjs";

ensureDependencies();
ensureBuild();
await import("../dist/cli/bin.js");
