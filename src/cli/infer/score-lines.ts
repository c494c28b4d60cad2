import { UsageError } from "../../errors.ts";
import { wholeSteps } from "../../infer/preprocess/prepare-image.ts";
import type { Decode } from "../../infer/read-lines.ts";
import { readImages } from "../../infer/recognize.ts";
import type { Recognizer } from "../../metadata.ts";
import { listed, readLineFolder } from "../../node/datasets/lines.ts";
import { editDistance } from "../../data/lines/edit-distance.ts";
import { interruptSignal } from "../interrupt.ts";
import { note, printJson, printLine } from "../output.ts";
import { startProgress } from "../progress.ts";

import type { ScoreOptions } from "./score.ts";
import { percent, ranOn, summaryLine, type Loaded } from "./summary.ts";

const EXIT_INTERRUPTED = 130;

/** Score labelled pictures of lines: whole lines that are right, and wrong characters. */
export async function scoreLines(
  loaded: Loaded,
  { input, output }: Recognizer,
  { data, limit, batchSize, json }: ScoreOptions,
  decode?: Decode,
): Promise<void> {
  if (output.kind !== "ctc") throw new UsageError("--dataset lines is for models that read lines; this one classifies");
  if (data === undefined) throw new UsageError("--dataset lines needs --data DIR, a folder of labelled pictures");
  const columns = input.line?.columns ?? 1;
  const { characters } = output;
  const stepsOf = (width: number): number => Math.ceil(width / columns);
  const { set, planes, bad } = await readLineFolder(data, { height: input.height, stepsOf, characters });
  if (bad.length > 0) note(`left out ${bad.length} of ${bad.length + planes.length} samples:${listed(bad)}`);
  const lines = Math.min(limit ?? planes.length, planes.length);
  const signal = interruptSignal();
  const progress = startProgress("scoring", lines, 0);
  let [right, errors, length, done, seconds] = [0, 0, 0, 0, 0];
  const wrong: { readonly file: string; readonly text: string; readonly read: string }[] = [];
  try {
    for (let start = 0; start < lines && !signal.aborted; start += batchSize) {
      const batch = planes.slice(start, Math.min(lines, start + batchSize));
      const images = batch.map((plane) => wholeSteps(plane, columns));
      const started = performance.now();
      const readings = await readImages(loaded.session, { version: 1, input, output }, images, 1, decode);
      seconds += (performance.now() - started) / 1000;
      readings.forEach(({ text: read }, row) => {
        const sample = set.samples[start + row];
        if (sample === undefined) return;
        const mistakes = editDistance(sample.text, read);
        if (mistakes === 0) right++;
        else wrong.push({ file: sample.name, text: sample.text, read });
        errors += mistakes;
        length += Array.from(sample.text).length;
      });
      done += readings.length;
      progress.update(done, `${percent(right / done)} right`);
    }
  } finally {
    progress.stop();
  }
  if (signal.aborted) process.exitCode = EXIT_INTERRUPTED;
  else {
    const interval = wilson(right, done);
    const scores = { lines: done, right, accuracy: right / done, interval, characterErrors: errors / length };
    if (json === true) printJson({ dataset: "lines", data, ...scores, seconds, wrong, ...ranOn(loaded) });
    else {
      for (const { file, text, read } of wrong) printLine(`${file}: "${text}" was read as "${read}"`);
      printLine(
        `${percent(scores.accuracy)} of ${done.toLocaleString("en")} lines right (95 % interval ${percent(interval[0])} to ` +
          `${percent(interval[1])}), ${percent(scores.characterErrors)} character errors`,
      );
    }
  }
  note(summaryLine(loaded, `${signal.aborted ? "interrupted: " : ""}${done} lines scored`, seconds));
}

/** The 95 % interval of a share by E. B. Wilson (1927). */
export function wilson(right: number, of: number): readonly [low: number, high: number] {
  const z = 1.959_964;
  const share = right / of;
  const middle = share + (z * z) / (2 * of);
  const spread = z * Math.sqrt((share * (1 - share)) / of + (z * z) / (4 * of * of));
  const scale = 1 + (z * z) / of;
  return [Math.max(0, (middle - spread) / scale), Math.min(1, (middle + spread) / scale)];
}
