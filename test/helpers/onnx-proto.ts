import { onnx as decode } from "../../src/onnx/generated/decode.js";
import { onnx as encode } from "../../src/onnx/generated/encode.js";

/** The messages of an ONNX file, as protobufjs's generated module reads them. */
export function decodeOnnx(bytes: Uint8Array): decode.ModelProto {
  return decode.ModelProto.decode(bytes);
}

/** An ONNX file, as protobufjs's generated module writes it. */
export function encodeOnnx(message: encode.ModelProto.$Properties): Uint8Array {
  return encode.ModelProto.encode(message).finish();
}
