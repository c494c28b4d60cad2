import protobuf from "protobufjs";

/** The part of TensorFlow's event.proto and summary.proto that a training run writes. */
const SCHEMA = `syntax = "proto3";
message Event {
  double wall_time = 1;
  int64 step = 2;
  oneof what { string file_version = 3; Summary summary = 5; SessionLog session_log = 7; }
}
message SessionLog { int32 status = 1; }
message Summary {
  message Image { int32 height = 1; int32 width = 2; int32 colorspace = 3; bytes encoded_image_string = 4; }
  message Value { string tag = 1; oneof value { float simple_value = 2; Image image = 4; } }
  repeated Value value = 1;
}`;

const event = protobuf.parse(SCHEMA, { keepCase: true }).root.lookupType("Event");

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

const START = 1;
const GREY = 1;

/** @param wallTime seconds since 1970 */
export function encodeEvent(wallTime: number, step: number, content: EventContent): Uint8Array {
  return event.encode({ wall_time: wallTime, step, ...fieldsOf(content) }).finish();
}

function fieldsOf(content: EventContent): object {
  switch (content.kind) {
    case "version":
      return { file_version: "brain.Event:2" };
    case "start":
      return { session_log: { status: START } };
    case "scalars":
      return {
        summary: { value: Object.entries(content.scalars).map(([tag, value]) => ({ tag, simple_value: value })) },
      };
    case "image":
    default: {
      const { height, width, png } = content.image;
      const image = { height, width, colorspace: GREY, encoded_image_string: png };
      return { summary: { value: [{ tag: content.tag, image }] } };
    }
  }
}
