import { join } from "node:path";

import { UsageError } from "../../errors.ts";
import { halfToNumber } from "../../half.ts";
import { checkNames } from "../../infer/check-feeds.ts";
import { encodeNpy } from "../../node/npy.ts";
import { outputOverInput } from "../../node/output-over-input.ts";
import { writeAside } from "../../node/write-aside.ts";
import { valueOf } from "../../require.ts";
import type { Tensor } from "../../tensor.ts";
import { note, printJson, printLine } from "../output.ts";

import { readGiven } from "./given-tensor.ts";
import { ranOn, summaryLine, type Loaded } from "./summary.ts";
import { parseTensors, type GivenTensor } from "./tensor-arguments.ts";

/** Run a model once on the tensors that `--tensor` gives, and write each output as `out`/NAME.npy. */
export async function runTensors(
  loaded: Loaded,
  args: readonly string[],
  out: string,
  { json }: { readonly json?: true },
): Promise<void> {
  const { session } = loaded;
  const given = parseTensors(
    args,
    session.inputs.map(({ name }) => name),
  );
  checkNames(
    session.inputs,
    given.map(({ name }) => name),
  );
  const inputs = new Map(session.inputs.map((input) => [input.name, input]));
  const feeds: [string, Tensor][] = await Promise.all(
    given.map(async (each) => [each.name, await readGiven(each, valueOf(inputs, each.name, "input"))]),
  );
  const files = outputFiles(
    session.outputs.map(({ name }) => name),
    out,
  );
  await assertInputsKept(given, files);
  const started = performance.now();
  const outputs = await session.run(Object.fromEntries(feeds));
  const seconds = (performance.now() - started) / 1000;
  const encoded = Object.entries(outputs).map(([name, tensor]) => ({ name, tensor, bytes: encodeNpy(tensor) }));
  const written = [];
  for (const { name, tensor, bytes } of encoded) {
    const file = files.get(name) ?? join(out, "output.npy");
    await writeAside(file, bytes);
    const { dtype, dims } = tensor;
    written.push({ name, dtype, dims, file });
    if (json === true) continue;
    printLine(`${name}: ${dtype} [${dims.join(", ")}] -> ${file}`);
    printLine(`  ${firstValues(tensor)}`);
  }
  if (json === true) printJson({ outputs: written, seconds, ...ranOn(loaded) });
  note(summaryLine(loaded, `${written.length} ${written.length === 1 ? "output" : "outputs"}`, seconds));
}

const SHOWN = 10;

/** `0.01, 0.9, 0.09`: what is in an output, at a glance. */
function firstValues({ dtype, data }: Tensor): string {
  if (data.length === 0) return "no values";
  const values: Iterable<unknown> = data.slice(0, SHOWN);
  const shown = Array.from(values, (value) => {
    if (typeof value !== "number") return typeof value === "string" ? JSON.stringify(value) : String(value);
    if (dtype === "bool") return value === 0 ? "false" : "true";
    const number = dtype === "float16" ? halfToNumber(value) : value;
    return Number.isInteger(number) ? String(number) : String(Number(number.toPrecision(4)));
  });
  return `${shown.join(", ")}${data.length > SHOWN ? `, … (${data.length.toLocaleString("en")} values)` : ""}`;
}

/** @throws {UsageError} when an output's file is an input's */
async function assertInputsKept(given: readonly GivenTensor[], files: ReadonlyMap<string, string>): Promise<void> {
  const inputs = given.flatMap(({ source }) => (source.kind === "random" ? [] : [source.file]));
  const over = await outputOverInput(files.values(), inputs);
  for (const [name, file] of files) {
    if (file !== over) continue;
    throw new UsageError(`the output "${name}" would be written over an input's file: ${file}`, {
      hint: "give another folder with --out",
    });
  }
}

/** A file for each output: names may hold slashes and colons, and two of them may become alike by losing those. */
function outputFiles(names: readonly string[], out: string): ReadonlyMap<string, string> {
  const taken = new Set<string>();
  const files = new Map<string, string>();
  for (const name of names) {
    const safe = safeName(name);
    let free = safe;
    for (let count = 2; taken.has(free.toLowerCase()); count++) free = `${safe}_${count}`;
    taken.add(free.toLowerCase());
    files.set(name, join(out, `${free}.npy`));
  }
  return files;
}

function safeName(name: string): string {
  const safe = name.replaceAll(/[\p{Cc}/\\:*?"<>|]/gu, "_");
  const short = Buffer.from(safe).subarray(0, 200).toString("utf8");
  return /^\.*$/.test(short) ? `output${short.replaceAll(".", "_")}` : short;
}
