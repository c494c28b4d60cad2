import { ToolError } from "../../../src/errors.ts";

import type { Problem } from "./messages.ts";

/** An error in words for a reader of the page: hints that name options of the command line name the page's own instead. */
export function problemOf(error: unknown): Problem {
  if (error instanceof ToolError) return { message: error.message, hint: pageHint(error.hint) };
  if (error instanceof RangeError && /allocation|memory|array length/iu.test(error.message)) {
    return {
      message: `there is not enough memory: ${error.message}`,
      hint: "close other tabs, or convert the model on the command line: npx tfjs-to-onnx export model.json",
    };
  }
  return { message: error instanceof Error ? error.message : String(error), hint: undefined };
}

function pageHint(hint: string | undefined): string | undefined {
  if (hint === undefined) return undefined;
  if (/--input-shape|inputShapes/u.test(hint)) return "fix the sizes of the inputs under Options, and convert again";
  if (hint.includes("(CORS)")) {
    return "check the address and the network; many servers let no other site read their files (CORS): then download the model.json and its weight files, and choose them here";
  }
  if (/--logits/u.test(hint)) return "clear the box for the softmax under Options, and convert again";
  return hint.includes("--") ? undefined : hint;
}
