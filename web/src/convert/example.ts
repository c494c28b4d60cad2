import json from "../../../models/crnn-mnist-best/model.json?url";
import weights from "../../../models/crnn-mnist-best/weights.bin?url";
import { ToolError } from "../../../src/errors.ts";

import type { GivenFile } from "./messages.ts";

/** The recogniser of digits that this project trains, from this site. */
export function exampleModel(): Promise<readonly GivenFile[]> {
  return Promise.all([fetchFile(json, "model.json"), fetchFile(weights, "weights.bin")]);
}

async function fetchFile(url: string, name: string): Promise<GivenFile> {
  const failed = (cause: unknown): never => {
    throw new ToolError("the example cannot be fetched", { hint: "check the network, and try again", cause });
  };
  const response = await fetch(url).catch(failed);
  if (!response.ok) return failed(new Error(`the server answered ${response.status}`));
  return { file: new File([await response.blob().catch(failed)], name), path: `mnist-crnn/${name}` };
}
