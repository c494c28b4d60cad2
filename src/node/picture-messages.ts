import type { ImageInput } from "../metadata.ts";

/** The path of a picture file, or its contents. */
export type PictureSource = string | Uint8Array;

/** What a thread that prepares pictures is born with. */
export interface PictureWorkerStart {
  readonly input: ImageInput;
}

/** Prepare this file; null: no more will come. */
export type PictureOrder = { readonly id: number; readonly picture: PictureSource } | null;

/** What became of an order. */
export type PictureReply =
  /** The thread is ready for orders. */
  | { readonly kind: "ready" }
  | { readonly kind: "image"; readonly id: number; readonly image: Float32Array<ArrayBuffer> }
  /** The file is at fault. */
  | { readonly kind: "refused"; readonly id: number; readonly message: string }
  /** Something else is: it shows again where the file is prepared in the main thread, as an error of its own class. */
  | { readonly kind: "failed"; readonly id: number };
