import type { ModelVerification } from "../../../src/verify/verify-model.ts";

import { make, table } from "./dom.ts";
import { showDifference } from "./format.ts";

const PLACES: Readonly<Record<string, string>> = { wasm: "WASM (CPU)", webgpu: "WebGPU" };

/** The answer of a comparison in one sentence. */
export function verdictOf(checks: readonly ModelVerification[]): string {
  const outputs = checks.flatMap(({ runs }) => runs.flatMap((run) => run.outputs));
  const failed = outputs.filter(({ passed }) => !passed).length;
  if (failed > 0) return `${failed} of ${outputs.length} compared outputs differ.`;
  const most = checks.reduce((max, { maxAbsDiff }) => Math.max(max, maxAbsDiff), 0);
  return `The same numbers: over ${outputs.length} compared outputs the largest difference is ${showDifference(most)}.`;
}

/** Show what comparisons came to: a sentence, a row for every output of every run, and what else is to be known. */
export function showChecks(box: HTMLElement, checks: readonly ModelVerification[]): void {
  const passed = checks.every((check) => check.passed);
  const rows = checks.flatMap(({ runs }) =>
    runs.flatMap(({ provider, batch, sizes, outputs }) =>
      outputs.map(({ name, maxAbsDiff, maxRelDiff, passed: same, reason }) => {
        const others = Object.entries(sizes).map(([size, value]) => `, ${size} ${value}`);
        const verdict = make("span", { class: same ? "good" : "bad" }, same ? "✓ same" : "✗ different");
        return [
          make("code", {}, name),
          PLACES[provider] ?? provider,
          `batch ${batch}${others.join("")}`,
          showDifference(maxAbsDiff),
          Number.isNaN(maxRelDiff) ? "–" : showDifference(maxRelDiff),
          reason === undefined ? verdict : make("span", {}, verdict, `: ${reason}`),
        ];
      }),
    ),
  );
  const head = ["Output", "ONNX Runtime on", "Inputs", "Largest difference", "Relative", "Result"];
  box.replaceChildren(
    make("p", { class: passed ? "verdict good" : "verdict bad" }, verdictOf(checks)),
    table("Differences by output", head, rows, "numbers"),
    ...asides(checks),
  );
}

function asides(checks: readonly ModelVerification[]): readonly Node[] {
  const [first] = checks;
  if (first === undefined) return [];
  const sentences = new Set<string>();
  for (const { note, leftOut = [], firstDifference, runs } of checks) {
    if (firstDifference !== undefined) {
      const { layer, className, known } = firstDifference;
      sentences.add(
        `The first part that differs is ${layer} (${className})${known === undefined ? "" : `: ${known}`}.`,
      );
    }
    if (note !== undefined) sentences.add(note);
    for (const text of leftOut) sentences.add(`Left out: ${text}.`);
    const elsewhere = new Set(runs.flatMap((run) => run.elsewhere));
    if (elsewhere.size > 0) sentences.add(`WebGPU leaves these to the CPU: ${[...elsewhere].join(", ")}.`);
  }
  const how = `Compared with ${first.reference.replace("tfjs", "TensorFlow.js on").replace("wasm", "WASM")}. Numbers may differ by ${first.atol} (of the largest, if that is above 1) and by a share of ${first.rtol}.`;
  return [
    make("ul", { class: "notes" }, ...Array.from(sentences, (text) => make("li", {}, text))),
    make("p", { class: "help" }, how),
  ];
}
