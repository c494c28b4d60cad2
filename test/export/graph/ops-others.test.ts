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

/** Control flow is exported by the front end, not by converters. */
checkTables(["control"], () => true);
