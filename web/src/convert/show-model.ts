import type { ExportedValue } from "../../../src/export/export-model.ts";

import { element, facts, make, table } from "./dom.ts";
import { counted, showBytes, showCount, showShape } from "./format.ts";
import type { Converted, Hindrance, KeptWeights, ModelSummary } from "./messages.ts";

/** Operators that are shown at once; the others on demand. */
const SHOWN_OPERATORS = 8;

/** Show what is in a model, and what cannot be converted. */
export function showModel(model: ModelSummary): void {
  const kind = model.kind === "layers" ? "Layers model (tf.LayersModel)" : "Graph model (tf.GraphModel)";
  const total = model.operators.reduce((sum, [, count]) => sum + count, 0);
  element("facts", HTMLElement).replaceChildren(
    ...facts([
      ["Name", model.name],
      ["Kind", kind],
      ["Made by", model.madeBy ?? "not said in the file"],
      ["Parameters", showCount(model.parameters)],
      ["Weights", showBytes(model.weightBytes)],
      [model.kind === "layers" ? "Layers" : "Operators", showCount(total)],
    ]),
  );
  element("ends", HTMLElement).replaceChildren(...ends(model.inputs, model.outputs));
  element("operators", HTMLElement).replaceChildren(...operators(model));
  showNotes(element("notes", HTMLElement), model.notes);
  showHindrance(element("hindrance", HTMLElement), model.hindrance);
}

function ends(inputs: readonly ExportedValue[], outputs: readonly ExportedValue[]): readonly Node[] {
  const rows = [...inputs.map((value) => endRow("input", value)), ...outputs.map((value) => endRow("output", value))];
  return rows.length === 0 ? [] : [table("Inputs and outputs", ["Inputs and outputs", "Type and shape"], rows, "ends")];
}

function endRow(side: string, { name, dtype, dims }: ExportedValue): readonly (Node | string)[] {
  return [
    make("span", {}, make("code", {}, name), make("small", {}, side)),
    make("code", {}, `${dtype} ${showShape(dims)}`),
  ];
}

function operators({ kind, operators: all }: ModelSummary): readonly Node[] {
  if (all.length === 0) return [];
  const item = ([name, count]: readonly [string, number]): HTMLElement =>
    make("li", {}, make("code", {}, name), ` × ${showCount(count)}`);
  const label = kind === "layers" ? "Layers" : "Operators";
  const shown = make("ul", { class: "chips", "aria-label": label }, ...all.slice(0, SHOWN_OPERATORS).map(item));
  if (all.length <= SHOWN_OPERATORS) return [shown];
  const rest = make("ul", { class: "chips" }, ...all.slice(SHOWN_OPERATORS).map(item));
  return [shown, make("details", {}, make("summary", {}, `${all.length - SHOWN_OPERATORS} more kinds`), rest)];
}

function showNotes(list: HTMLElement, notes: readonly string[]): void {
  list.replaceChildren(...notes.map((note) => make("li", {}, note)));
}

function showHindrance(box: HTMLElement, hindrance: Hindrance | null): void {
  box.hidden = hindrance === null;
  if (hindrance === null) {
    box.replaceChildren();
    return;
  }
  const { problem, parts } = hindrance;
  const list =
    parts.length === 0
      ? []
      : [
          table(
            "What cannot be converted",
            ["Where", "What", "Why"],
            parts.map(({ where, what, reason }) => [make("code", {}, where), make("code", {}, what), reason]),
          ),
        ];
  const hint = problem.hint === undefined ? [] : ["\n", make("span", {}, problem.hint)];
  box.replaceChildren(make("p", { class: "problem" }, make("strong", {}, problem.message), ...hint), ...list);
}

/** Show the file that a model was converted to. */
export function showFile(file: Converted, model: ModelSummary): void {
  const { weightBytes } = model;
  const before = weightBytes === 0 ? "" : ` (weights before: ${showBytes(weightBytes)})`;
  element("file-facts", HTMLElement).replaceChildren(
    ...facts([
      ["Size", `${showBytes(file.onnx.size)}${before}`],
      ["Nodes", showCount(file.nodes)],
      ["Operator set", String(file.opset)],
      ["Weights", describeWeights(file.precision)],
    ]),
  );
  const isSame = JSON.stringify([file.inputs, file.outputs]) === JSON.stringify([model.inputs, model.outputs]);
  element("file-ends", HTMLElement).replaceChildren(...(isSame ? [] : ends(file.inputs, file.outputs)));
  showNotes(element("file-notes", HTMLElement), file.notes);
}

function describeWeights({ name, small, large }: KeptWeights): string {
  if (small === 0) return "float32";
  const kind = name === "stored" ? "as the model stores them" : name;
  return large === 0 ? kind : `${kind}, except ${counted(large, "tensor")} as float32`;
}

/** A sentence for a screen reader. */
export function describeModel({ name, inputs, outputs, hindrance }: ModelSummary): string {
  if (hindrance !== null) return `${name} cannot be converted: ${hindrance.problem.message}`;
  return `${name} is read: ${counted(inputs.length, "input")}, ${counted(outputs.length, "output")}`;
}
