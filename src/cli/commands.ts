import type { Command } from "commander";

/** One command of the program; its module is loaded only when it is asked for. */
export interface CommandEntry {
  readonly name: string;
  readonly summary: string;
  /** Heading that `--help` lists it under; null for a command that the help leaves out. */
  readonly group: Group | null;
  load(): Promise<{ readonly create: (summary: string) => Command }>;
}

type Group = "Models:" | "Recognisers:" | "Setup:";

/** Every command, in the order `--help` lists them. */
export const commands: readonly CommandEntry[] = [
  {
    name: "export",
    summary: "convert a TF.js model to an ONNX file and check it against TF.js",
    group: "Models:",
    load: () => import("./export.ts"),
  },
  {
    name: "verify",
    summary: "compare an ONNX file with the TF.js model it was made from",
    group: "Models:",
    load: () => import("./verify.ts"),
  },
  {
    name: "infer",
    summary: "read images, score a test set, or run raw tensors",
    group: "Models:",
    load: () => import("./infer.ts"),
  },
  {
    name: "inspect",
    summary: "show what is in an ONNX file or a TF.js model",
    group: "Models:",
    load: () => import("./inspect.ts"),
  },
  {
    name: "serve",
    summary: "serve ONNX files over the Open Inference Protocol (HTTP and gRPC)",
    group: "Models:",
    load: () => import("./serve.ts"),
  },
  {
    name: "bench",
    summary: "measure a model on TF.js and on each ONNX runtime, side by side",
    group: "Models:",
    load: () => import("./bench.ts"),
  },
  {
    name: "train",
    summary: "train a small recogniser of digits",
    group: "Recognisers:",
    load: () => import("./train.ts"),
  },
  {
    name: "data",
    summary: "download MNIST, or draw a sheet of the rendered digits",
    group: "Recognisers:",
    load: () => import("./data.ts"),
  },
  {
    name: "compare",
    summary: "score a digit recogniser on TF.js and both ONNX runtimes, and check that they agree",
    group: "Recognisers:",
    load: () => import("./compare.ts"),
  },
  {
    name: "setup",
    summary: "install native TensorFlow, which training uses, in your cache folder",
    group: "Setup:",
    load: () => import("./setup.ts"),
  },
  {
    name: "doctor",
    summary: "check your setup and suggest fixes",
    group: "Setup:",
    load: () => import("./doctor.ts"),
  },
  {
    name: "pipeline",
    summary: "train, export, infer and compare, one after the other (npm start)",
    group: null,
    load: () => import("./pipeline.ts"),
  },
];
