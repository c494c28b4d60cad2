import type { GraphOpConverter } from "../converter.ts";

import { graphOps } from "./graph.ts";
import { listOps } from "./lists.ts";
import { tableOps } from "./tables.ts";

/** The converters that come with this package: one list a family. */
export const builtInOps: readonly GraphOpConverter[] = [...graphOps, ...listOps, ...tableOps];
