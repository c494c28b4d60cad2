import { checkTables } from "./check-tables.ts";

checkTables([
  "creation",
  "dynamic",
  "evaluation",
  "graph",
  "hash table",
  "ragged",
  "slice and join",
  "sparse",
  "spectral",
  "string",
  "tfdf",
]);

/** What the export of lists does otherwise than TF.js so far. */
const LISTS_THAT_DIFFER: ReadonlySet<string> = new Set([
  // An item set before those in front of it is lost.
  "TensorListReserve set out of order",
  // TF.js joins elements of one axis along it; the export stacks them.
  "TensorListConcat of pieces",
  "TensorListConcatV2 of pieces",
  // The number of axes of a popped or read element is not told by the list.
  "TensorListPushBack and PopBack",
  "TensorArrayCloseV3 once all is read",
]);

checkTables(["control"], ({ name }) => !LISTS_THAT_DIFFER.has(name));
