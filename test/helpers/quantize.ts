import type { RawModel } from "../../src/export/source/model.ts";
import { readWeights, readWeightsManifest } from "../../src/export/source/weights.ts";
import { numberToHalf } from "../../src/half.ts";

/**
 * A saved model with its float32 weights quantised as TF.js's converter does it: each with a scale and a minimum of its own, so that
 * 0 stays 0; or as float16.
 */
export function quantized(raw: RawModel, dtype: "uint8" | "uint16" | "float16"): RawModel {
  const { manifest, weights } = raw;
  if (typeof manifest !== "object" || manifest === null || weights === null)
    throw new TypeError("a model with weights");
  const specs: object[] = [];
  const parts: Uint8Array<ArrayBuffer>[] = [];
  const groups: unknown = Reflect.get(manifest, "weightsManifest");
  for (const weight of readWeights(readWeightsManifest(JSON.parse(JSON.stringify(groups))), weights)) {
    const { data } = weight.read();
    if (!(data instanceof Float32Array)) throw new TypeError("a float32 weight");
    const { stored, quantization } = quantize(data, dtype);
    specs.push({ name: weight.name, shape: weight.dims, dtype: "float32", quantization });
    parts.push(new Uint8Array(stored.buffer));
  }
  const bytes = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let offset = 0;
  for (const part of parts) {
    bytes.set(part, offset);
    offset += part.length;
  }
  return { manifest: { ...manifest, weightsManifest: [{ paths: ["weights.bin"], weights: specs }] }, weights: bytes };
}

function quantize(
  data: Float32Array,
  dtype: "uint8" | "uint16" | "float16",
): { readonly stored: Uint8Array<ArrayBuffer> | Uint16Array<ArrayBuffer>; readonly quantization: object } {
  if (dtype === "float16") return { stored: Uint16Array.from(data, numberToHalf), quantization: { dtype } };
  const most = dtype === "uint8" ? 255 : 65_535;
  const least = Math.min(0, ...data);
  const scale = (Math.max(0, ...data) - least) / most || 1;
  const min = Math.round(least / scale) * scale;
  const codes = Array.from(data, (value) => Math.max(0, Math.min(most, Math.round((value - min) / scale))));
  const stored = dtype === "uint8" ? Uint8Array.from(codes) : Uint16Array.from(codes);
  return { stored, quantization: { dtype, scale, min } };
}
