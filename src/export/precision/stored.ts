import { elementAt, type Float32Tensor } from "../../computed-tensor.ts";
import { exactHalves, halfToNumber, numberToHalf } from "../../half.ts";
import { ELEMENT_TYPE } from "../../onnx/element-type.ts";
import { int } from "../../onnx/model.ts";
import { first, floatAt } from "../../require.ts";
import { sizeOf, type Tensor } from "../../tensor.ts";
import type { Quantization } from "../source/weights.ts";

import { halfOf } from "./half.ts";
import type { WeightForm } from "./weight-form.ts";

/** A weight is compared with a scheme at this many evenly spaced elements before all of them are. */
const SAMPLED = 16;
/** A weight of at most this many parts along its first axis may have a scheme for each part. */
const MOST_PARTS = 64;

type Affine = Exclude<Quantization, { readonly dtype: "float16" }>;

/**
 * Finds the stored form of weights that TF.js quantised, from their values alone: a scheme fits a weight when it gives every
 * element bit for bit. So it does not matter how the exporter permuted, cut or joined them, and a weight whose numbers were changed
 * is never taken for a stored one.
 */
export class StoredForms {
  readonly #schemes: readonly Affine[];
  readonly #hasHalf: boolean;
  /** Forms found so far: a weight may be looked at once in the graph as it is and once in the graph with folded weights. */
  readonly #known = new WeakMap<Float32Tensor, WeightForm | null>();

  constructor(quantizations: readonly Quantization[]) {
    this.#schemes = quantizations.filter((each) => each.dtype !== "float16");
    this.#hasHalf = quantizations.some(({ dtype }) => dtype === "float16");
  }

  /** The form that gives exactly the numbers that TF.js computes; null for a weight that is not stored so. */
  formOf(weight: Float32Tensor): WeightForm | null {
    const known = this.#known.get(weight);
    if (known !== undefined) return known;
    const form = this.#find(weight);
    this.#known.set(weight, form);
    return form;
  }

  #find(weight: Float32Tensor): WeightForm | null {
    const sample = sampleOf(weight);
    if (this.#hasHalf && sample.every((value) => Object.is(halfToNumber(numberToHalf(value)), value))) {
      const bits = exactHalves(weight.data);
      if (bits !== null) return halfOf(weight.dims, bits, 0);
    }
    if (this.#schemes.length === 0) return null;
    const fitting = this.#schemes.filter((scheme) => sample.every((value) => codeOf(scheme, value) !== null));
    if (fitting.length > 0) {
      const { data } = weight;
      for (const scheme of fitting) {
        const codes = encode(scheme, data);
        if (codes !== null) return affineForm(weight.dims, scheme.dtype, codes, [scheme]);
      }
    }
    return this.#inParts(weight);
  }

  /** Weights that were joined along the first axis, as those of the two directions of an LSTM. */
  #inParts(weight: Float32Tensor): WeightForm | null {
    const [count = 1, ...rest] = weight.dims;
    if (count < 2 || count > MOST_PARTS || rest.length === 0) return null;
    const { data } = weight;
    const length = sizeOf(rest);
    const schemes: Affine[] = [];
    const parts: (Uint8Array | Uint16Array)[] = [];
    for (let part = 0; part < count; part++) {
      const own = data.subarray(part * length, (part + 1) * length);
      const found = this.#schemeOf(own, schemes[0]?.dtype ?? null);
      if (found === null) return null;
      schemes.push(found.scheme);
      parts.push(found.codes);
    }
    const { dtype } = first(schemes);
    const codes = dtype === "uint8" ? new Uint8Array(data.length) : new Uint16Array(data.length);
    for (const [part, own] of parts.entries()) codes.set(own, part * length);
    return affineForm(weight.dims, dtype, codes, schemes);
  }

  #schemeOf(
    data: Float32Array,
    dtype: Affine["dtype"] | null,
  ): { scheme: Affine; codes: Uint8Array | Uint16Array } | null {
    for (const scheme of this.#schemes) {
      if (dtype !== null && scheme.dtype !== dtype) continue;
      const codes = encode(scheme, data);
      if (codes !== null) return { scheme, codes };
    }
    return null;
  }
}

function sampleOf(weight: Float32Tensor): readonly number[] {
  const size = sizeOf(weight.dims);
  const count = Math.min(size, SAMPLED);
  return Array.from({ length: count }, (_, index) => Number(elementAt(weight, Math.floor((index * size) / count))));
}

/** The stored number that TF.js makes exactly this value of; null when there is none. */
function codeOf({ dtype, scale, min }: Affine, value: number): number | null {
  const code = scale === 0 ? 0 : Math.round((value - min) / scale);
  const isStored = code >= 0 && code < (dtype === "uint8" ? 2 ** 8 : 2 ** 16);
  return isStored && Object.is(Math.fround(code * scale + min), value) ? code : null;
}

function encode(scheme: Affine, data: Float32Array): Uint8Array | Uint16Array | null {
  const { dtype, scale, min } = scheme;
  const most = dtype === "uint8" ? 2 ** 8 - 1 : 2 ** 16 - 1;
  const codes = new Uint16Array(data.length);
  for (let index = 0; index < data.length; index++) {
    const value = floatAt(data, index);
    let code: number | null = Math.round((value - min) / scale);
    // codeOf once more for what is rare: a scale of 0, zeros with a sign, and what is not stored so.
    if (!(code >= 0 && code <= most) || value === 0 || Math.fround(code * scale + min) !== value) {
      code = codeOf(scheme, value);
      if (code === null) return null;
    }
    codes[index] = code;
  }
  return dtype === "uint8" ? new Uint8Array(codes) : codes;
}

/** TF.js computes `stored * scale + min` in float64 and rounds once: so do these nodes, which ONNX Runtime runs when it loads the file. */
function affineForm(
  dims: readonly number[],
  dtype: Affine["dtype"],
  codes: Uint8Array | Uint16Array,
  schemes: readonly Affine[],
): WeightForm {
  const shape = schemes.length === 1 ? [] : [schemes.length, ...dims.slice(1).map(() => 1)];
  const float64 = (values: readonly number[]): Tensor => ({
    dtype: "float64",
    dims: shape,
    data: Float64Array.from(values),
  });
  return {
    type: dtype,
    constants: {
      [dtype]:
        codes instanceof Uint8Array ? { dtype: "uint8", dims, data: codes } : { dtype: "uint16", dims, data: codes },
      scale: float64(schemes.map(({ scale }) => scale)),
      min: float64(schemes.map(({ min }) => min)),
    },
    steps: [
      { opType: "Cast", inputs: [dtype], attributes: { to: int(ELEMENT_TYPE.float64) } },
      { opType: "Mul", inputs: ["", "scale"], attributes: {} },
      { opType: "Add", inputs: ["", "min"], attributes: {} },
      { opType: "Cast", inputs: [""], attributes: { to: int(ELEMENT_TYPE.float32) } },
    ],
    loss: 0,
  };
}
