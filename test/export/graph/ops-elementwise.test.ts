import { checkTables } from "./check-tables.ts";

checkTables(["arithmetic", "basic math", "logical", "reduction"]);
