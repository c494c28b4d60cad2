import { BaseSequencer, type TestSpecification } from "vitest/node";

/**
 * Files that take half a minute and more on an idle machine, the longest first, those that mostly wait between those that compute. A fresh clone has no record of durations, from which
 * the runner would know: a file of minutes that begins last runs alone while the other cores wait.
 */
const LONG: readonly string[] = [
  "page/page",
  "cli/train-faults",
  "cli/train-numbers",
  "parity/crnn-mnist",
  "page/hosting",
  "infer/preprocess/scenes",
  "train/leak/leak",
  "page/converter",
  "cli/train",
  "node/browser/browser-loads",
  "cli/bench",
  "export/graph/real-models",
  "cli/export",
  "export/real-models",
  "train/tasks/read-lines",
  "train/compile/models",
  "cli/infer-many",
  "train/native/set-up",
  "examples",
];

/** Runs long files first, the others as the runner would. */
export class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    // Lint takes `super.sort(files)` for a sort of an array.
    const usual = await super.sort.call(this, files);
    return usual.toSorted((a, b) => rankOf(a) - rankOf(b));
  }
}

function rankOf({ moduleId }: TestSpecification): number {
  const place = LONG.findIndex((name) => moduleId.endsWith(`/test/${name}.test.ts`));
  return place === -1 ? LONG.length : place;
}
