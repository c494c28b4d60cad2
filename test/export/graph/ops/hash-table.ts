import { constant, given, ints, strings } from "../case-values.ts";
import { attr, graphCase, node, type CaseAttrs, type CaseDtype, type CaseInput, type OpCase } from "../op-case.ts";

interface Table {
  readonly keys: CaseInput;
  readonly values: CaseInput;
  readonly asked: CaseInput;
  readonly missing: CaseInput;
}

const TABLES: Readonly<Record<string, Table>> = {
  "string to int32": {
    keys: strings(["cat", "dog", "bird"]),
    values: given("int32", [3, 1, 2]),
    asked: strings(["dog", "fish", "cat", "dog"]),
    missing: given("int32", [-1], []),
  },
  "string to float32": {
    keys: strings(["a", "b"]),
    values: given("float32", [0.5, 1.5]),
    asked: strings(["b", "c", "a", "a"], [2, 2]),
    missing: given("float32", [-1.5], []),
  },
  "string to string": {
    keys: strings(["a", "b"]),
    values: strings(["x", "y"]),
    asked: strings(["b", "c", "a"]),
    missing: strings(["none"], []),
  },
  "int32 to string": {
    keys: given("int32", [5, 7]),
    values: strings(["five", "seven"]),
    asked: given("int32", [7, 6, 5]),
    missing: strings(["other"], []),
  },
  "int32 to int32": {
    keys: given("int32", [5, 7, -2]),
    values: given("int32", [50, 70, 20]),
    asked: ints([2, 3], -3, 8),
    missing: given("int32", [0], []),
  },
  "int32 to float32": {
    keys: given("int32", [5, 7]),
    values: given("float32", [0.5, 0.7]),
    asked: given("int32", [7, 6, 5]),
    missing: given("float32", [0], []),
  },
};

function attrsOf(keys: CaseDtype, values: CaseDtype): CaseAttrs {
  return { key_dtype: attr.type(keys), value_dtype: attr.type(values), shared_name: attr.string("table") };
}

const VERSIONS = [
  { table: "HashTableV2", fill: "LookupTableImportV2", find: "LookupTableFindV2", size: "LookupTableSizeV2" },
  { table: "HashTable", fill: "LookupTableImport", find: "LookupTableFind", size: "LookupTableSize" },
  { table: "HashTableV2", fill: "InitializeTableV2", find: "LookupTableFindV2", size: "LookupTableSizeV2" },
  { table: "HashTable", fill: "InitializeTable", find: "LookupTableFind", size: "LookupTableSize" },
] as const;

const cases: OpCase[] = Object.entries(TABLES).flatMap(([name, { keys, values, asked, missing }]) =>
  VERSIONS.flatMap(({ table, fill, find, size }) => {
    const attrs = attrsOf(keys.dtype, values.dtype);
    const types = { Tin: attr.type(keys.dtype), Tout: attr.type(values.dtype) };
    const inputs = { keys: constant(keys), values: constant(values), asked, missing: constant(missing) };
    const handle = node(table, "table", [], attrs);
    const initializer = [handle, node(fill, "fill", ["table", "keys", "values"], types)];
    return [
      graphCase(
        find,
        `${name} after ${fill}`,
        inputs,
        [handle, node(find, "op", ["table", "asked", "missing"], types)],
        {
          fetch: ["op"],
          initializer,
        },
      ),
      graphCase(size, `${name} after ${fill}`, inputs, [handle, node(size, "op", ["table"])], {
        fetch: ["op"],
        initializer,
      }),
    ];
  }),
);

export const hashTable: readonly OpCase[] = cases;
