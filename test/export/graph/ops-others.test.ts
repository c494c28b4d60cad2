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
  "tfdf",
]);

/** ONNX splits strings from opset 20 on. */
checkTables(["string"], undefined, { opset: 20 });

/** Control flow is exported by the front end, not by converters. */
checkTables(["control"], () => true);
