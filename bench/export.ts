// The seed's network to ONNX: as a library call (first and median of 20 in one process, 5 fresh processes) and as a whole
// process (median of 10), with the nodes of the graph. Peers' figures for the same network: ../shared/peers.
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";

import { machine, median, milliseconds, table } from "./markdown.ts";

const root = resolve(import.meta.dirname, "..");
const model = process.argv[2] ?? join(root, "models", "crnn-mnist", "model.json");
const folder = mkdtempSync(join(tmpdir(), "tfjs-to-onnx-bench-"));

const script = `
import { readModel } from ${JSON.stringify(join(root, "dist", "node", "read-model.js"))};
import { exportRaw } from ${JSON.stringify(join(root, "dist", "export", "export-model.js"))};
const raw = await readModel(${JSON.stringify(model)});
const times = [];
let exported;
for (let round = 0; round < 21; round++) {
  const started = performance.now();
  exported = exportRaw(raw);
  times.push(performance.now() - started);
}
console.log(JSON.stringify({ times, nodes: exported.nodes, bytes: exported.bytes.length }));
`;

interface LibraryRun {
  readonly times: readonly number[];
  readonly nodes: number;
  readonly bytes: number;
}

function libraryRun(): LibraryRun {
  const { stdout, stderr, status } = spawnSync(process.execPath, ["--input-type=module", "-e", script], {
    encoding: "utf8",
  });
  if (status !== 0) throw new Error(stderr);
  const parsed: unknown = JSON.parse(stdout);
  if (!isLibraryRun(parsed)) throw new Error(`not the figures of a run: ${stdout}`);
  return parsed;
}

function isLibraryRun(value: unknown): value is LibraryRun {
  return typeof value === "object" && value !== null && "times" in value && "nodes" in value && "bytes" in value;
}

function wholeProcess(): number {
  const args = [
    join(root, "dist", "cli", "bin.js"),
    "export",
    model,
    "--no-verify",
    "--out",
    join(folder, "model.onnx"),
  ];
  const started = performance.now();
  const { status, stderr } = spawnSync(process.execPath, args, { encoding: "utf8", cwd: folder });
  if (status !== 0) throw new Error(stderr);
  return performance.now() - started;
}

const runs = Array.from({ length: 5 }, libraryRun);
const processes = Array.from({ length: 10 }, wholeProcess);
rmSync(folder, { recursive: true });

const first = median(runs.map(({ times }) => times[0] ?? Number.NaN));
const later = median(runs.flatMap(({ times }) => times.slice(1)));
const [{ nodes, bytes } = { nodes: 0, bytes: 0 }] = runs;
process.stdout.write(
  `${table(
    ["export of the seed's network", "whole process", "first library call", "later library calls", "nodes", "bytes"],
    [
      [
        "tfjs-to-onnx",
        milliseconds(median(processes)),
        milliseconds(first),
        milliseconds(later),
        String(nodes),
        String(bytes),
      ],
    ],
  )}\n\n${machine()}\n`,
);
