import { tensorboard } from "../proto/generated/event.js";

/** A grey PNG file. */
export interface EventImage {
  readonly height: number;
  readonly width: number;
  readonly png: Uint8Array;
}

export type EventContent =
  | { readonly kind: "version" }
  /** Whatever an earlier run wrote of this step and of later ones is void. */
  | { readonly kind: "start" }
  | { readonly kind: "scalars"; readonly scalars: Readonly<Record<string, number>> }
  | { readonly kind: "image"; readonly tag: string; readonly image: EventImage };

const { SessionStatus } = tensorboard.SessionLog;
/** Image.colorspace: one channel. */
const GREY = 1;

/** @param wallTime seconds since 1970 */
export function encodeEvent(wallTime: number, step: number, content: EventContent): Uint8Array {
  return tensorboard.Event.encode({ wallTime, step, ...fieldsOf(content) }).finish();
}

function fieldsOf(content: EventContent): tensorboard.Event.$Properties {
  switch (content.kind) {
    case "version":
      return { fileVersion: "brain.Event:2" };
    case "start":
      return { sessionLog: { status: SessionStatus.START } };
    case "scalars":
      return {
        summary: { value: Object.entries(content.scalars).map(([tag, value]) => ({ tag, simpleValue: value })) },
      };
    case "image":
    default: {
      const { height, width, png } = content.image;
      const image = { height, width, colorspace: GREY, encodedImageString: png };
      return { summary: { value: [{ tag: content.tag, image }] } };
    }
  }
}
