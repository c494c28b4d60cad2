import { ExportError } from "../../errors.ts";
import {
  isRecognizer,
  PREPROCESSING_KEY,
  type ClassOutput,
  type PreprocessingInside,
  type Recognizer,
} from "../../metadata.ts";
import { first } from "../../require.ts";
import type { GraphBuilder } from "../build/builder.ts";
import type { NamedValue } from "../build/finish.ts";
import type { Fed, NetworkInput } from "../input-feed.ts";
import { viewOf } from "../ir/value.ts";

import { answersOf } from "./answers.ts";
import { preparePictures, type PreparedPictures } from "./pictures.ts";

const NAMES = {
  input: "image",
  prepared: "prepared",
  label: "label",
  index: "index",
  confidence: "confidence",
} as const;

/**
 * Puts what the metadata says of pictures around one network: pictures of any size go in, labels come out, so that the file runs
 * wherever ONNX Runtime does without this package.
 */
export class PicturesInside {
  readonly #recognizer: Recognizer & { readonly output: ClassOutput };
  #fed: { readonly network: string; readonly pictures: PreparedPictures } | null = null;

  /** @throws {ExportError} when the metadata says nothing of pictures, or something that has no form in ONNX operators */
  constructor(metadata: Readonly<Record<string, unknown>>) {
    this.#recognizer = recognizerIn(metadata);
  }

  /** Pictures in the place of the network's input. @throws {ExportError} when they do not fit it, or it is not the only one */
  feed(graph: GraphBuilder, network: NetworkInput): Fed {
    if (this.#fed !== null) {
      throw new ExportError(
        `preprocessing is for models of one input; this one has ${this.#fed.network} and ${network.name}`,
        { hint: "export without --with-preprocessing" },
      );
    }
    for (const name of Object.values(NAMES)) graph.reserve(name);
    const pictures = preparePictures(graph, NAMES.input, this.#recognizer.input, network);
    this.#fed = { network: network.name, pictures };
    return { input: pictures.input, value: pictures.prepared };
  }

  /** The answers, the network's own outputs and the prepared pictures, and what the file's metadata says of them. */
  finish(
    graph: GraphBuilder,
    outputs: readonly NamedValue[],
  ): {
    readonly outputs: readonly NamedValue[];
    /** Name of the prepared pictures, which the network reads. */
    readonly prepared: string;
    readonly metadata: readonly [string, string];
  } {
    if (this.#fed === null) throw new ExportError("the model has no input, and preprocessing is for pictures");
    const { network, pictures } = this.#fed;
    const answers = answersOf(graph, first(outputs), this.#recognizer.output, pictures.blank);
    const taken = new Set(outputs.map(({ name }) => name));
    const free = (name: string): string => (taken.has(name) ? free(`${name}_`) : name);
    const inside: PreprocessingInside = {
      version: 1,
      input: pictures.input.name,
      prepared: free(NAMES.prepared),
      network: { input: network, outputs: outputs.map(({ name }) => name) },
      answers: { label: free(NAMES.label), index: free(NAMES.index), confidence: free(NAMES.confidence) },
      leftOut: pictures.leftOut,
    };
    return {
      outputs: [
        { name: inside.answers.label, value: viewOf(answers.label) },
        { name: inside.answers.index, value: viewOf(answers.index) },
        { name: inside.answers.confidence, value: viewOf(answers.confidence) },
        ...outputs,
        { name: inside.prepared, value: pictures.prepared },
      ],
      prepared: inside.prepared,
      metadata: [PREPROCESSING_KEY, JSON.stringify(inside)],
    };
  }
}

const EXAMPLE =
  '{"version":1,"input":{"kind":"image","fit":"stretch","height":224,"width":224,"channels":3,"range":[-1,1]},' +
  '"output":{"kind":"classes","labels":["cat","dog"],"activation":"softmax"}}';

function recognizerIn(metadata: Readonly<Record<string, unknown>>): Recognizer & { readonly output: ClassOutput } {
  const found = metadata["recognizer"];
  if (!isRecognizer(found)) {
    const what = found === undefined ? "does not say how to prepare a picture" : "says it in a form that is not known";
    throw new ExportError(`--with-preprocessing: the model ${what}`, {
      hint: `set userDefinedMetadata.recognizer in model.json, e.g. to ${EXAMPLE}`,
    });
  }
  const { output } = found;
  if (output.kind === "classes") return { ...found, output };
  throw new ExportError(
    "--with-preprocessing is for models that classify pictures; this one reads lines of text, whose straightening and decoding ONNX operators cannot do",
    { hint: "read lines with the infer command, or with prepareImage and readImages of tfjs-to-onnx/infer" },
  );
}
