import type { GraphOpConverter } from "../converter.ts";

/** The converters that come with this package: one list a family. */
export const builtInOps: readonly GraphOpConverter[] = [];
