import type { Command } from "commander";

/** One command of the program; its module is loaded only when it is asked for. */
export interface CommandEntry {
  readonly name: string;
  readonly summary: string;
  load(): Promise<{ readonly create: (summary: string) => Command }>;
}

/** Every command, in the order `--help` lists them. */
export const commands: readonly CommandEntry[] = [
  {
    name: "train",
    summary: "train a small recogniser in tfjs-node",
    load: () => import("./train.ts"),
  },
  {
    name: "export",
    summary: "turn a TF.js model into an ONNX file and check it against TF.js",
    load: () => import("./export.ts"),
  },
  {
    name: "verify",
    summary: "compare an ONNX file with the TF.js model it was made of",
    load: () => import("./verify.ts"),
  },
  {
    name: "infer",
    summary: "read pictures, score a test set, or run raw tensors",
    load: () => import("./infer.ts"),
  },
  {
    name: "inspect",
    summary: "show what is in an ONNX file or a TF.js model",
    load: () => import("./inspect.ts"),
  },
  {
    name: "compare",
    summary: "score a digit recogniser on TF.js and both ONNX runtimes, and see that they agree",
    load: () => import("./compare.ts"),
  },
  {
    name: "bench",
    summary: "measure a model on TF.js and on each ONNX runtime, side by side",
    load: () => import("./bench.ts"),
  },
  {
    name: "digits",
    summary: "draw a contact sheet of the rendered digits, to be looked at",
    load: () => import("./digits.ts"),
  },
  {
    name: "pipeline",
    summary: "train, export, infer and compare, one after the other (npm start)",
    load: () => import("./pipeline.ts"),
  },
  {
    name: "setup",
    summary: "set up native TensorFlow, which training needs, in this user's cache",
    load: () => import("./setup.ts"),
  },
  {
    name: "doctor",
    summary: "say what is there and what is not, with the command that mends it",
    load: () => import("./doctor.ts"),
  },
];
