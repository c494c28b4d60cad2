import { fileURLToPath } from "node:url";

/** This package's folder: this file lies as deep in it in src/node as in dist/node and, bundled, in dist/bundle. */
export const packageRoot: string = fileURLToPath(new URL("../..", import.meta.url));
