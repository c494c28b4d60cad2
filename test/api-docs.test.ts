import { readFileSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";

import { expect, test } from "vitest";

const root = resolve(import.meta.dirname, "..");
const entries = [
  "src/index.ts",
  "src/infer/index.ts",
  "src/verify/index.ts",
  "src/drop-in/index.ts",
  "src/train/index.ts",
];

/** A name that an entry exports, and the file that declares it. */
interface Exported {
  readonly name: string;
  readonly file: string;
}

/** What a file of nothing but `export … from` gives, and what it takes from files of that kind. */
function exportsOf(file: string): Exported[] {
  const text = readFileSync(file, "utf8");
  const named = Array.from(
    text.matchAll(/^export (?:type )?\{([^}]*)\} from "([^"]+)"/gm),
    ([, names = "", from = ""]) =>
      names
        .split(",")
        .map((name) => name.trim().replace(/^type /, ""))
        .filter((name) => name !== "")
        .map((name) => ({ name, file: resolve(dirname(file), from) })),
  );
  const starred = Array.from(text.matchAll(/^export \* from "([^"]+)"/gm), ([, from = ""]) =>
    exportsOf(resolve(dirname(file), from)),
  );
  return [...named, ...starred].flat();
}

/** Whether the declaration of a name follows a docstring; of names passed on, the one it comes from. */
function isDocumented({ name, file }: Exported): boolean {
  const text = readFileSync(file, "utf8");
  const declaration = new RegExp(
    `(\\*/\\n)?^export (?:declare )?(?:abstract )?(?:async )?(?:function\\*?|class|interface|type|const) ${name}\\b`,
    "m",
  ).exec(text);
  if (declaration !== null) return declaration[1] !== undefined;
  const passedOn = exportsOf(file).find((each) => each.name === name);
  if (passedOn === undefined) throw new Error(`${relative(root, file)} does not declare ${name}`);
  return isDocumented(passedOn);
}

test.each(entries)("every name that %s exports has a docstring", (entry) => {
  const exported = exportsOf(join(root, entry));
  expect(exported.length).toBeGreaterThan(3);
  const bare = exported.filter((each) => !isDocumented(each));
  expect(bare.map(({ name, file }) => `${name} in ${relative(root, file)}`)).toEqual([]);
});

test("typedoc is given every entry of the package", () => {
  const manifest: unknown = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
  const options: unknown = JSON.parse(readFileSync(join(root, "tools/api/typedoc.json"), "utf8"));
  const types = Object.values(Object(Reflect.get(Object(manifest), "exports"))).flatMap((entry) => {
    const path: unknown = Reflect.get(Object(entry), "types");
    return typeof path === "string" ? [path.replace("./dist/", "../../src/").replace(".d.ts", ".ts")] : [];
  });
  expect(Reflect.get(Object(options), "entryPoints")).toEqual(types);
});
