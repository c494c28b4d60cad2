import type { ModelVerification } from "../../../src/verify/verify-model.ts";

import type { KeptWeights } from "./messages.ts";
import { make, table } from "./dom.ts";
import { showDifference } from "./format.ts";

const PLACES: Readonly<Record<string, string>> = { wasm: "WASM (CPU)", webgpu: "WebGPU" };

/** The answer of a comparison in one sentence. Of rounded weights other numbers are expected. */
export function verdictOf(checks: readonly ModelVerification[], { isRounded, name }: KeptWeights): string {
  const outputs = checks.flatMap(({ runs }) => runs.flatMap((run) => run.outputs));
  const failed = outputs.filter(({ passed }) => !passed).length;
  const most = checks.reduce((max, { maxAbsDiff }) => Math.max(max, maxAbsDiff), 0);
  if (failed > 0 && isRounded) {
    return `The weights are rounded to ${name}: over ${outputs.length} compared outputs the largest difference is ${showDifference(most)}.`;
  }
  if (failed > 0) return `${failed} of ${outputs.length} compared outputs differ.`;
  return `The same numbers: over ${outputs.length} compared outputs the largest difference is ${showDifference(most)}.`;
}

/** Show what comparisons came to: a sentence, a row for every output of every run, and what else is to be known. */
export function showChecks(box: HTMLElement, checks: readonly ModelVerification[], kept: KeptWeights): void {
  const passed = checks.every((check) => check.passed);
  const rows = checks.flatMap(({ runs }) =>
    runs.flatMap(({ provider, batch, sizes, outputs }) =>
      outputs.map(({ name, maxAbsDiff, maxRelDiff, passed: same, reason }) => {
        const others = Object.entries(sizes).map(([size, value]) => `, ${size} ${value}`);
        const verdict = same ? make("span", { class: "good" }, "✓ same") : differing(kept, maxAbsDiff);
        const where = `${PLACES[provider] ?? provider}, batch ${batch}${others.join("")}`;
        return [
          make("span", {}, make("code", {}, name), make("small", {}, where)),
          showDifference(maxAbsDiff),
          Number.isNaN(maxRelDiff) ? "–" : showDifference(maxRelDiff),
          reason === undefined || kept.isRounded ? verdict : make("span", {}, verdict, `: ${reason}`),
        ];
      }),
    ),
  );
  const head = ["Output", "Largest difference", "Relative", "Result"];
  box.replaceChildren(
    make("p", { class: passed ? "verdict good" : kept.isRounded ? "verdict" : "verdict bad" }, verdictOf(checks, kept)),
    table("Differences by output", head, rows, "numbers"),
    ...asides(checks, kept),
  );
}

/** Numbers that cannot be compared at all are wrong with rounded weights as well. */
function differing({ isRounded }: KeptWeights, difference: number): HTMLElement {
  return isRounded && Number.isFinite(difference)
    ? make("span", {}, "rounded")
    : make("span", { class: "bad" }, "✗ different");
}

function asides(checks: readonly ModelVerification[], kept: KeptWeights): readonly Node[] {
  const [first] = checks;
  if (first === undefined) return [];
  const sentences = new Set<string>();
  for (const { note, leftOut = [], firstDifference, runs } of checks) {
    if (firstDifference !== undefined && !kept.isRounded) {
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
  if (kept.isRounded) {
    sentences.add(
      "Whether rounded weights are good enough is told by your own data: compare the answers that matter to you.",
    );
  }
  const how = `Compared with ${first.reference.replace("tfjs", "TensorFlow.js on").replace("wasm", "WASM")}. Numbers may differ by ${first.atol} (of the largest, if that is above 1) and by a share of ${first.rtol}.`;
  return [
    make("ul", { class: "notes" }, ...Array.from(sentences, (text) => make("li", {}, text))),
    make("p", { class: "help" }, how),
  ];
}
