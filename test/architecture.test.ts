import { readdirSync, readFileSync } from "node:fs";
import { isBuiltin } from "node:module";
import { dirname, join, relative, resolve, sep } from "node:path";

import { describe, expect, test } from "vitest";

const root = resolve(import.meta.dirname, "..");
const source = join(root, "src");

/** Rooms that run in a browser: nothing of Node, and not the rooms named. */
const rooms: Readonly<Record<string, readonly string[]>> = {
  onnx: ["train", "data", "export", "infer", "verify", "drop-in", "cli", "node", "bench"],
  export: ["train", "data", "infer", "verify", "drop-in", "cli", "node"],
  infer: ["train", "data", "export", "verify", "drop-in", "cli", "node"],
  data: ["train", "export", "infer", "verify", "drop-in", "cli", "node"],
  verify: ["train", "drop-in", "cli", "node"],
  "drop-in": ["train", "data", "cli", "node"],
};

/** The loader that stands in for TF.js's warns as that does, where the caller has no place for warnings. */
const printing = join(source, "drop-in", "notes.ts");

const importPattern = /(?:^|\n)\s*(?:import|export)\s[^;]*?from\s+"([^"]+)"|import\("([^"]+)"\)/g;

interface Import {
  readonly file: string;
  readonly target: string;
}

function importsOf(file: string): Import[] {
  const text = readFileSync(file, "utf8");
  return Array.from(text.matchAll(importPattern), (match) => ({ file, target: match[1] ?? match[2] ?? "" }));
}

function filesOf(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith(".ts"))
    .map((entry) => join(entry.parentPath, entry.name));
}

/** Everything a file reaches by static imports, itself included. */
function reach(entry: string, seen = new Set<string>()): ReadonlySet<string> {
  if (seen.has(entry)) return seen;
  seen.add(entry);
  for (const { target } of importsOf(entry)) {
    if (target.startsWith(".") && target.endsWith(".ts")) reach(resolve(dirname(entry), target), seen);
  }
  return seen;
}

function show({ file, target }: Import): string {
  return `${relative(root, file)} imports ${target}`;
}

describe("who may know whom", () => {
  test.each(Object.entries(rooms))("src/%s imports no Node built-in and none of %j", (room, forbidden) => {
    const wrong = filesOf(join(source, room))
      .flatMap(importsOf)
      .filter(({ file, target }) => {
        if (isBuiltin(target)) return true;
        if (!target.startsWith(".")) return false;
        const [other = ""] = relative(source, resolve(dirname(file), target)).split("/");
        return forbidden.includes(other);
      });
    expect(wrong.map(show)).toEqual([]);
  });

  test("nothing but the command line imports the command line", () => {
    const wrong = filesOf(source)
      .filter((file) => !file.startsWith(join(source, "cli")))
      .flatMap(importsOf)
      .filter(
        ({ file, target }) => target.startsWith(".") && resolve(dirname(file), target).startsWith(join(source, "cli")),
      );
    expect(wrong.map(show)).toEqual([]);
  });

  test("both front ends stand on the builder, and not on each other", () => {
    const folders: Readonly<Record<string, readonly string[]>> = {
      [join("export", "graph")]: ["layers", "recurrent"],
      [join("export", "layers")]: ["graph"],
      [join("export", "recurrent")]: ["graph", "layers"],
      [join("export", "build")]: ["graph", "layers", "recurrent"],
      [join("export", "ir")]: ["build", "graph", "layers", "recurrent", "passes"],
    };
    const wrong = Object.entries(folders).flatMap(([folder, others]) => {
      const imports = filesOf(join(source, folder)).flatMap(importsOf);
      expect(imports.length).toBeGreaterThan(3);
      return imports.filter(({ file, target }) => {
        const [room, part = ""] = relative(source, resolve(dirname(file), target)).split(sep);
        return target.startsWith(".") && room === "export" && others.includes(part);
      });
    });
    expect(wrong.map(show)).toEqual([]);
  });

  test("the library's entry reaches no Node built-in, no runtime and no TensorFlow", () => {
    const wrong = [...reach(join(source, "index.ts"))]
      .flatMap(importsOf)
      .filter(({ target }) => isBuiltin(target) || /^(@tensorflow|onnxruntime|sharp)/.test(target))
      .filter(({ file, target }) => !readFileSync(file, "utf8").includes(`import type * as tfjs from "${target}"`));
    expect(wrong.map(show)).toEqual([]);
  });

  test("only src/onnx, src/train/proto and src/serve/proto know how a protocol buffer is written", () => {
    const schemas = ["onnx", join("train", "proto"), join("serve", "proto")].map(
      (folder) => join(source, folder) + sep,
    );
    const others = [...filesOf(source), ...filesOf(join(root, "web"))].filter(
      (file) => !schemas.some((folder) => file.startsWith(folder)),
    );
    const imports = others
      .flatMap(importsOf)
      .filter(({ target }) => target.startsWith("protobufjs") || target.includes("onnx/generated/"));
    expect(imports.map(show)).toEqual([]);
    // Field numbers, tags and wire types in the forms in which they were once written by hand.
    const byHand = /\bvarint|wire ?type|field number|\bproto[23]\b|\* 8 \+ (?:VARINT|LENGTH_DELIMITED)|>>> 3\]/i;
    const wrong = others.filter((file) => byHand.test(readFileSync(file, "utf8")));
    expect(wrong.map((file) => relative(root, file))).toEqual([]);
  });

  test("library code prints nothing", () => {
    const wrong = Object.keys(rooms)
      .flatMap((room) => filesOf(join(source, room)))
      .filter((file) => file !== printing && /\bconsole\.\w/.test(readFileSync(file, "utf8")));
    expect(wrong.map((file) => relative(root, file))).toEqual([]);
  });
});
