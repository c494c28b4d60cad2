import { spawnSync } from "node:child_process";
import { cpSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";

import { afterAll, expect, test } from "vitest";

const root = resolve(import.meta.dirname, "..");
const folder = mkdtempSync(join(tmpdir(), "tfjs-to-onnx-types-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

test("the types hold with skipLibCheck off and none of the optional packages", () => {
  const own = join(folder, "node_modules", "tfjs-to-onnx");
  cpSync(join(root, "package.json"), join(own, "package.json"));
  const isKept = (path: string): boolean => !/\/dist\/(?:bundle|.*\.(?:js|mjs|map|wasm)$)/.test(path);
  cpSync(join(root, "dist"), join(own, "dist"), { recursive: true, filter: isKept });
  writeFileSync(join(folder, "package.json"), JSON.stringify({ type: "module" }));
  const lines = ["", "/infer", "/verify", "/drop-in", "/train"].map(
    (entry, index) => `export * as entry${index} from ${JSON.stringify(`tfjs-to-onnx${entry}`)};`,
  );
  writeFileSync(join(folder, "use.ts"), lines.join("\n"));
  const options = ["--noEmit", "--strict", "--skipLibCheck", "false", "--module", "nodenext", "--target", "es2023"];
  const args = [...options, "--lib", "es2023,dom,dom.iterable", "--types", "", "use.ts"];
  const { status, stdout } = spawnSync(join(root, "node_modules", ".bin", "tsc"), args, {
    cwd: folder,
    encoding: "utf8",
  });
  expect(stdout).toBe("");
  expect(status).toBe(0);
});
