import { SetupError } from "../../errors.ts";

import { checkFolder, checkFolderDeeply, type FolderState } from "./manifest.ts";
import { planNative, type NativePlan } from "./plan.ts";
import type { Environment } from "../../node/environment.ts";

/** Whether native TensorFlow is at hand, and what stands in the way. */
export interface NativeStatus {
  /** `ready`: it can be loaded. `missing`, `damaged`: a set-up fixes it. `unavailable`: this machine lacks something. */
  readonly state: "ready" | "missing" | "damaged" | "unavailable";
  /** In words, for a message. */
  readonly detail: string;
  /** What fixes it; undefined when it is ready. */
  readonly hint: string | undefined;
  readonly library: FolderState & { readonly folder: string | undefined };
  readonly addon: FolderState & { readonly folder: string | undefined };
}

const RUN_SETUP = "run: tfjs-to-onnx setup";

/** Whether native TensorFlow is at hand, by file names and sizes: a millisecond or two, and TensorFlow is not loaded. */
export function nativeStatus(env: Environment = process.env): NativeStatus {
  const plan = planOrStatus(env);
  if (!("pin" in plan)) return plan;
  return combine(plan, checkFolder(plan.library, plan.pin.sha256), checkFolder(plan.addon, plan.addonOrigin));
}

/** The same, with every byte compared: about a second. */
export async function verifyNative(env: Environment = process.env): Promise<NativeStatus> {
  const plan = planOrStatus(env);
  if (!("pin" in plan)) return plan;
  const library = await checkFolderDeeply(plan.library, plan.pin.sha256);
  return combine(plan, library, await checkFolderDeeply(plan.addon, plan.addonOrigin));
}

function planOrStatus(env: Environment): NativePlan | NativeStatus {
  try {
    return planNative(env);
  } catch (error) {
    if (!(error instanceof SetupError)) throw error;
    const nowhere = { state: "missing", detail: error.message, folder: undefined } as const;
    return { state: "unavailable", detail: error.message, hint: error.hint, library: nowhere, addon: nowhere };
  }
}

function combine(plan: NativePlan, library: FolderState, addon: FolderState): NativeStatus {
  return {
    ...worse(plan, library, addon),
    library: { ...library, folder: plan.library },
    addon: { ...addon, folder: plan.addon },
  };
}

function worse(
  plan: NativePlan,
  library: FolderState,
  addon: FolderState,
): Pick<NativeStatus, "state" | "detail" | "hint"> {
  if (library.state !== "ready") {
    const detail = `TensorFlow's libraries in ${plan.library}: ${library.detail}`;
    return { state: library.state, detail, hint: RUN_SETUP };
  }
  if (addon.state !== "ready") {
    return { state: addon.state, detail: `tfjs-node's addon in ${plan.addon}: ${addon.detail}`, hint: RUN_SETUP };
  }
  return { state: "ready", detail: `${library.detail}; addon ${addon.detail}`, hint: undefined };
}
