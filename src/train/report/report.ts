import type { EpochRecord } from "../history.ts";
import { at } from "../../require.ts";

import { calibrationChart } from "./charts.ts";
import { accuracyChart, lossChart, nameOfHeldOut } from "./curves-svg.ts";
import { escaped, percent, table } from "./html.ts";
import type { Mistake, Scores } from "./scores.ts";
import { STYLE } from "./style.ts";

export interface Report {
  readonly title: string;
  /** Names and values, as `["Learning rate", "0.001"]`. */
  readonly recipe: readonly (readonly [name: string, value: string])[];
  readonly history: readonly EpochRecord[];
  /** What was scored, as "MNIST's test set". */
  readonly scored: string;
  readonly classes: readonly string[];
  readonly scores: Scores;
  /** A PNG of an image that was scored. */
  readonly picture: (image: number) => Uint8Array;
}

const WORST = 36;

/** A page that needs nothing beside itself: no script, no font, no picture from elsewhere. */
export function reportHtml(report: Report): string {
  const { title, scored, scores, history } = report;
  const last = history.at(-1);
  return [
    '<!doctype html><html lang="en"><head><meta charset="utf-8">',
    '<meta name="viewport" content="width=device-width, initial-scale=1">',
    `<title>${escaped(title)}</title><style>${STYLE}</style></head><body><main>`,
    `<h1>${escaped(title)}</h1><p class="soft">Scored on ${escaped(scored)}: ${whole(scores.images)} images.</p>`,
    tiles([
      [percent(scores.accuracy), "accuracy"],
      [whole(scores.mistakes.length), scores.mistakes.length === 1 ? "mistake" : "mistakes"],
      [scores.loss.toFixed(4), "loss (nats)"],
      [percent(scores.calibrationError), "calibration error"],
      ...(last === undefined ? [] : [[`${last.msPerStep.toFixed(0)} ms`, "a training step"] as const]),
    ]),
    curves(history),
    mistakesSection(report),
    confusionSection(report),
    classSection(scores),
    calibrationSection(scores),
    recipeSection(report),
    "</main></body></html>\n",
  ].join("\n");
}

function whole(value: number): string {
  return value.toLocaleString("en");
}

function tiles(values: readonly (readonly [value: string, name: string])[]): string {
  const each = values.map(
    ([value, name]) => `<div class="tile"><b>${escaped(value)}</b><span>${escaped(name)}</span></div>`,
  );
  return `<div class="tiles">${each.join("")}</div>`;
}

function curves(history: readonly EpochRecord[]): string {
  if (history.length === 0) return "";
  const apart = nameOfHeldOut(history);
  return [
    "<h2>Curves</h2>",
    '<p class="soft legend"><span><i class="training"></i>training (mean over the epoch)</span> ' +
      `<span><i class="test"></i>${apart} (after it)</span></p>`,
    '<div class="panels">',
    `<figure><figcaption>Loss</figcaption>${lossChart(history, apart)}</figure>`,
    `<figure><figcaption>Accuracy</figcaption>${accuracyChart(history, apart)}</figure>`,
    "</div>",
  ].join("\n");
}

function mistakesSection({ scores, picture }: Report): string {
  const { mistakes } = scores;
  if (mistakes.length === 0) return "<h2>Mistakes</h2><p>None.</p>";
  const shown = mistakes.slice(0, WORST);
  const which =
    shown.length < mistakes.length
      ? `The ${shown.length} most confident of ${mistakes.length.toLocaleString("en")} errors.`
      : "All errors, the most confident first.";
  return `<h2>Worst mistakes</h2><p class="soft">${which}</p><div class="mistakes">${shown.map((mistake) => mistakeFigure(mistake, picture(mistake.image))).join("\n")}</div>`;
}

function mistakeFigure({ image, truth, answer, confidence, truthProbability }: Mistake, png: Uint8Array): string {
  const source = `data:image/png;base64,${Buffer.from(png).toString("base64")}`;
  return (
    `<figure><img src="${source}" alt="image ${image}: ${escaped(truth)}, read as ${escaped(answer)}">` +
    `<figcaption>read <b class="bad">${escaped(answer)}</b> (${percent(confidence, 1)})<br>` +
    `is <b>${escaped(truth)}</b> (${percent(truthProbability, 1)})<br>image ${image}</figcaption></figure>`
  );
}

/** The diagonal in one colour, mistakes in another, the deeper the more. */
function confusionSection({ classes, scores }: Report): string {
  const head = classes.map((name) => `<th scope="col">${escaped(name)}</th>`).join("");
  const mistakes = scores.confusion.flatMap((counts, truth) => counts.filter((_, answer) => answer !== truth));
  const most = Math.max(1, ...mistakes);
  const rows = scores.confusion.map((counts, truth) => {
    const cells = counts.map((count, answer) => {
      if (count === 0) return '<td class="none">0</td>';
      const [colour, depth] = answer === truth ? ["good", 0.3] : ["wrong", 0.12 + 0.48 * (count / most)];
      return `<td style="background: rgba(var(--${colour}), ${depth.toFixed(2)})">${count}</td>`;
    });
    return `<tr><th scope="row">${escaped(at(classes, truth))}</th>${cells.join("")}</tr>`;
  });
  return [
    "<h2>Confusion matrix</h2>",
    '<div class="scroll"><table class="confusion"><caption>Rows: what it is. Columns: what was read.</caption>',
    `<thead><tr><th></th>${head}</tr></thead><tbody>${rows.join("")}</tbody></table></div>`,
  ].join("\n");
}

function classSection({ perClass }: Scores): string {
  const columns = ["class", "images", "precision", "recall", "F1"].map((title, index) => ({
    title,
    numeric: index > 0,
  }));
  const rows = perClass.map(({ name, images, precision, recall, f1 }) => [
    name,
    whole(images),
    percent(precision),
    percent(recall),
    percent(f1),
  ]);
  const caption = "Precision: of the answers, the part that is right. Recall: of the images, the part that was found.";
  return `<h2>Classes</h2><div class="scroll">${table(caption, columns, rows)}</div>`;
}

function calibrationSection({ bins, calibrationError }: Scores): string {
  return [
    "<h2>Calibration</h2>",
    `<p class="soft">How often an answer of a given confidence is right; the fainter a bar, the fewer answers. On the
dashed line confidence and truth agree. Mean distance from it: ${percent(calibrationError)}.</p>`,
    `<div class="panels"><figure><figcaption>Share of right answers</figcaption>${calibrationChart(bins)}</figure></div>`,
  ].join("\n");
}

function recipeSection({ recipe }: Report): string {
  const columns = [
    { title: "setting", numeric: false },
    { title: "value", numeric: false },
  ];
  return `<h2>Recipe</h2><div class="scroll">${table("How it was trained", columns, recipe)}</div>`;
}
