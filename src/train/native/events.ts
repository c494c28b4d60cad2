/** Parts of the set-up that take time. */
export type SetupStage = "wait" | "download" | "verify" | "unpack" | "compile" | "try";

/** What a set-up tells while it works: a stage begins, or so many bytes of it are done. */
export type SetupEvent =
  | { readonly kind: "stage"; readonly stage: SetupStage; readonly text: string }
  | { readonly kind: "progress"; readonly stage: SetupStage; readonly done: number; readonly total: number };

export type SetupListener = (event: SetupEvent) => void;
