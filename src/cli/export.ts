import type { Command } from "commander";

import { baseCommand } from "./base-command.ts";

export function create(summary: string): Command {
  return baseCommand("export", summary, ["export model.json --out model.onnx"]);
}
