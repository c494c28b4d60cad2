import { goOffline } from "../go-offline.ts";
import { PRECISIONS, type Precision } from "../../../src/export/precision/options.ts";
import { gpuHere, softwareName } from "../../../src/infer/webgpu-adapter.ts";
import { valueOf } from "../../../src/require.ts";
import type { ModelVerification } from "../../../src/verify/verify-model.ts";

import { element } from "./dom.ts";
import { chosenFiles, droppedFiles } from "./dropped.ts";
import { exampleModel } from "./example.ts";
import { JobError } from "./job.ts";
import type { Contender, Converted, GivenFile, GivenModel, ModelSummary, Place } from "./messages.ts";
import { problemOf } from "./problem.ts";
import { showChecks, verdictOf } from "./show-check.ts";
import { showCode } from "./show-code.ts";
import { nameOf, showMeasures, speedup, type Row } from "./show-measure.ts";
import { describeModel, showFile, showModel } from "./show-model.ts";
import { SizeFields } from "./sizes.ts";
import { snippets } from "./snippets.ts";
import { tellProblem, Working, type Ask } from "./working.ts";

const INT4_OPSET = 21;
const OPSETS = [13, 14, 15, 16, 17, 18, 19, 20, 21];
const DEFAULT_OPSET = 17;
const RUNS = 100;
/** More threads than this do not help most models, and leave the device nothing for the rest. */
const MOST_THREADS = 4;
/** What a free size other than the batch is until a comparison has found sizes that the model takes. */
const USUAL_SIZE = 64;

const page = {
  drop: element("drop", HTMLElement),
  files: element("files", HTMLInputElement),
  folder: element("folder", HTMLInputElement),
  folderLabel: element("folder-label", HTMLElement),
  example: element("example", HTMLButtonElement),
  addressForm: element("address-form", HTMLFormElement),
  address: element("address", HTMLInputElement),
  giveProblem: element("give-problem", HTMLElement),
  summary: element("summary", HTMLElement),
  convert: element("convert", HTMLElement),
  precision: element("precision", HTMLSelectElement),
  settings: element("settings", HTMLFormElement),
  opset: element("opset", HTMLSelectElement),
  sizesBox: element("sizes", HTMLElement),
  logits: element("logits", HTMLInputElement),
  logitsField: element("logits-field", HTMLElement),
  portable: element("portable", HTMLInputElement),
  portableField: element("portable-field", HTMLElement),
  convertProblem: element("convert-problem", HTMLElement),
  converted: element("converted", HTMLElement),
  download: element("download", HTMLAnchorElement),
  check: element("check", HTMLElement),
  checkNow: element("check-now", HTMLButtonElement),
  webgpu: element("webgpu", HTMLInputElement),
  webgpuField: element("webgpu-field", HTMLElement),
  webgpuLabel: element("webgpu-label", HTMLElement),
  checkProblem: element("check-problem", HTMLElement),
  checked: element("checked", HTMLElement),
  measure: element("measure", HTMLElement),
  measureForm: element("measure-form", HTMLFormElement),
  measureProblem: element("measure-problem", HTMLElement),
  measured: element("measured", HTMLElement),
  code: element("code", HTMLElement),
  said: element("said", HTMLElement),
  offline: element("offline", HTMLElement),
  update: element("update", HTMLButtonElement),
};

/** A model that was read. */
interface Current {
  readonly model: ModelSummary;
  readonly given: GivenModel;
}

const fixedSizes = new SizeFields(element("size-fields", HTMLElement));
const runSizes = new SizeFields(element("measure-sizes", HTMLElement));
const working = new Working(say);
let current: Current | null = null;
let file: Converted | null = null;

for (const opset of OPSETS) page.opset.add(new Option(String(opset), String(opset), false, opset === DEFAULT_OPSET));
// Browsers of phones have no folders to choose.
page.folderLabel.hidden = !("webkitdirectory" in page.folder) || !matchMedia("(any-pointer: fine)").matches;

for (const input of [page.files, page.folder]) {
  input.addEventListener("change", () => {
    const list = input.files;
    if (list !== null && list.length > 0) take(input, async () => chosenFiles(list));
    input.value = "";
  });
}
page.example.addEventListener("click", () => take(page.example, exampleModel));
page.addressForm.addEventListener("submit", (event) => {
  event.preventDefault();
  fetchModel(page.address.value.trim());
});
document.addEventListener("dragover", (event) => {
  event.preventDefault();
  page.drop.classList.add("over");
});
document.addEventListener("dragleave", (event) => {
  if (event.relatedTarget === null) page.drop.classList.remove("over");
});
document.addEventListener("drop", (event) => {
  event.preventDefault();
  page.drop.classList.remove("over");
  const { dataTransfer } = event;
  if (dataTransfer === null) return;
  const files = droppedFiles(dataTransfer);
  take(page.files, () => files);
});
page.settings.addEventListener("submit", (event) => {
  event.preventDefault();
  convert();
});
page.settings.addEventListener("change", () => {
  // What is shown of a file is of the settings it was made with.
  forgetFile();
  if (precisionChosen() === "int4") page.opset.value = String(INT4_OPSET);
});
page.checkNow.addEventListener("click", check);
page.measureForm.addEventListener("submit", (event) => {
  event.preventDefault();
  measure();
});
runSizes.onChange(showSnippets);
void offerWebGpu();
void goOffline({
  say(text) {
    page.offline.textContent = text;
  },
  onUpdate(load) {
    page.update.hidden = false;
    page.update.addEventListener("click", load, { once: true });
  },
});

/** WebGPU on a graphics device is on from the start; software that stands in for one is slow, and off. */
async function offerWebGpu(): Promise<void> {
  page.webgpuField.hidden = true;
  const adapter = await gpuHere()
    ?.requestAdapter()
    .catch(() => null);
  if (adapter === undefined || adapter === null) return;
  const software = softwareName(adapter);
  page.webgpuField.hidden = false;
  page.webgpu.checked = software === null;
  if (software !== null)
    page.webgpuLabel.textContent = "On WebGPU too, here and below (slow: this device has it in software only)";
}

function take(back: HTMLElement, files: () => Promise<readonly GivenFile[]>): void {
  void open(back, async () => ({ kind: "files", files: await files() }));
}

function fetchModel(url: string): void {
  if (!/^https?:\/\//iu.test(url)) {
    forgetModel();
    tellProblem(page.giveProblem, {
      message: "this is not an address of the web",
      hint: "give one that begins with https:// and ends with model.json",
    });
    return;
  }
  if (location.protocol === "https:" && /^http:/iu.test(url) && !isLocal(new URL(url))) {
    forgetModel();
    tellProblem(page.giveProblem, {
      message: "browsers let a page of https fetch nothing over http",
      hint: "give an address that begins with https://, or download the files and choose them here",
    });
    return;
  }
  void open(page.address, async () => ({ kind: "address", url }));
}

function isLocal({ hostname }: URL): boolean {
  return /^(localhost|127\.|\[::1\])/u.test(hostname);
}

async function open(back: HTMLElement, give: () => Promise<GivenModel>): Promise<void> {
  forgetModel();
  await working.run(page.giveProblem, back, async (ask) => {
    const { model, given } = await ask<"open">({ kind: "open", given: await giving(give) });
    current = { model, given };
    showModel(model);
    page.summary.hidden = false;
    if (model.hindrance === null) offerConversion(model);
    say(describeModel(model));
    page.summary.focus({ preventScroll: true });
    page.summary.scrollIntoView({ block: "start", behavior: motion() });
  });
}

/** What goes wrong before there is a worker is told as what goes wrong in one. */
async function giving(give: () => Promise<GivenModel>): Promise<GivenModel> {
  try {
    return await give();
  } catch (error) {
    throw new JobError(problemOf(error));
  }
}

function offerConversion({ kind, inputs, operators }: ModelSummary): void {
  page.convert.hidden = false;
  page.logits.checked = false;
  page.portable.checked = false;
  page.precision.value = "stored";
  page.logitsField.hidden = kind === "graph";
  page.portableField.hidden = !operators.some(([name]) => /LSTM|GRU|RNN|Bidirectional/u.test(name));
  fixedSizes.show(inputs, () => null);
  page.sizesBox.hidden = fixedSizes.isEmpty;
}

function convert(): void {
  if (current === null) return;
  const { model, given } = current;
  forgetFile();
  void working.run(page.convertProblem, page.convert, async (ask) => {
    const settings = {
      opset: Number(page.opset.value),
      logits: page.logits.checked,
      portable: page.portable.checked,
      precision: precisionChosen(),
      sizes: fixedSizes.read(),
    };
    file = await ask<"convert">({ kind: "convert", given, inputs: model.inputs, settings });
    showFile(file, model);
    page.download.href = URL.createObjectURL(file.onnx);
    page.download.download = `${model.name}.onnx`;
    page.download.textContent = `Download ${model.name}.onnx`;
    runSizes.show(file.inputs, (name) => (name.endsWith("batch") ? 1 : USUAL_SIZE));
    showSnippets();
    for (const part of [page.converted, page.check, page.measure, page.code]) part.hidden = false;
    say(`Converted: ${page.download.download} is ready to download`);
    page.download.focus({ preventScroll: true });
    page.convert.scrollIntoView({ block: "nearest", behavior: motion() });
  });
}

function precisionChosen(): Precision {
  return valueOf(new Map<string, Precision>(PRECISIONS.map((name) => [name, name])), page.precision.value, "precision");
}

function showSnippets(): void {
  if (current === null || file === null) return;
  const { inputs, outputs } = file;
  showCode(snippets({ file: `${current.model.name}.onnx`, inputs, outputs, sizes: runSizes.read() }));
}

function check(): void {
  if (current === null || file === null) return;
  const { given } = current;
  const { onnx, precision } = file;
  page.checked.replaceChildren();
  void working.run(page.checkProblem, page.checkNow, async (ask) => {
    const checks: ModelVerification[] = [];
    for (const place of places()) {
      checks.push(await ask<"check">({ kind: "check", given, onnx, place }, labelOf(place)));
      showChecks(page.checked, checks, precision);
    }
    const sizes = checks[0]?.runs[0]?.sizes;
    if (sizes !== undefined) {
      runSizes.suggest(sizes);
      showSnippets();
    }
    say(verdictOf(checks, precision));
  });
}

function places(): readonly Place[] {
  return page.webgpu.checked && page.webgpuField.hidden === false ? ["wasm", "webgpu"] : ["wasm"];
}

function labelOf(place: Place): string {
  return place === "wasm" ? "WASM" : "WebGPU";
}

function measure(): void {
  if (current === null || file === null) return;
  const { given } = current;
  const { onnx, feeds } = file;
  const rows: Row[] = contenders().map((contender) => ({ contender, result: null }));
  void working.run(page.measureProblem, page.measure, async (ask) => {
    for (const [index, { contender }] of rows.entries()) {
      showMeasures(page.measured, rows);
      const request = { kind: "measure", given, onnx, contender, feeds, sizes: runSizes.read(), runs: RUNS } as const;
      rows[index] = { contender, result: await attempt(ask, request) };
    }
    showMeasures(page.measured, rows);
    say(speedup(rows));
  });
}

/** A contender that fails does not stop the others. */
async function attempt(ask: Ask, request: Parameters<typeof ask<"measure">>[0]): Promise<Row["result"]> {
  try {
    return await ask<"measure">(request, nameOf(request.contender));
  } catch (error) {
    if (error instanceof JobError) return error.problem;
    throw error;
  }
}

function contenders(): readonly Contender[] {
  const most = crossOriginIsolated ? Math.min(MOST_THREADS, navigator.hardwareConcurrency) : 1;
  const onCpu = [...new Set([1, most])].flatMap((threads): readonly Contender[] => [
    { library: "tfjs", place: "wasm", threads },
    { library: "onnx", place: "wasm", threads },
  ]);
  return places().includes("webgpu") ? [...onCpu, { library: "onnx", place: "webgpu", threads: 1 }] : onCpu;
}

function forgetModel(): void {
  working.cancel();
  current = null;
  forgetFile();
  tellProblem(page.giveProblem, null);
  for (const part of [page.summary, page.convert]) part.hidden = true;
}

function forgetFile(): void {
  file = null;
  if (page.download.href !== "") URL.revokeObjectURL(page.download.href);
  page.download.removeAttribute("href");
  for (const box of [page.checked, page.measured]) box.replaceChildren();
  for (const box of [page.convertProblem, page.checkProblem, page.measureProblem]) tellProblem(box, null);
  for (const part of [page.converted, page.check, page.measure, page.code]) part.hidden = true;
}

function say(text: string): void {
  page.said.textContent = text;
}

function motion(): ScrollBehavior {
  return matchMedia("(prefers-reduced-motion: reduce)").matches ? "auto" : "smooth";
}
