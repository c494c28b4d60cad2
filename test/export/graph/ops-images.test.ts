import { checkTables } from "./check-tables.ts";

checkTables(["convolution", "image", "matrices", "normalization", "transformation"]);
