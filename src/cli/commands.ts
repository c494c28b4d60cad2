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
    name: "export",
    summary: "turn a TF.js model into an ONNX file and check it against TF.js",
    load: () => import("./export.ts"),
  },
];
