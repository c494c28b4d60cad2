import { expect, test } from "vitest";

import { decodeNpy, encodeNpy } from "../../src/node/npy.ts";
import type { Tensor } from "../../src/tensor.ts";

const tensors: readonly Tensor[] = [
  { dtype: "float32", dims: [2, 3], data: Float32Array.of(1, -2, 3.5, 0, 5, 6) },
  { dtype: "float64", dims: [2], data: Float64Array.of(0.1, -0.2) },
  { dtype: "int32", dims: [], data: Int32Array.of(7) },
  { dtype: "int64", dims: [1, 2], data: BigInt64Array.of(1n, -(2n ** 60n)) },
  { dtype: "uint8", dims: [3], data: Uint8Array.of(0, 128, 255) },
  { dtype: "bool", dims: [2], data: Uint8Array.of(0, 1) },
];

test.each(tensors)("$dtype comes back as it was", (tensor) => {
  const bytes = Buffer.from(encodeNpy(tensor));
  expect(decodeNpy(bytes, "x.npy")).toEqual(tensor);
  expect(bytes.indexOf("\n") % 64).toBe(63);
});

test("refuses what is no .npy, cut short, of another order or type", () => {
  const sound = Buffer.from(encodeNpy({ dtype: "float32", dims: [2, 2], data: new Float32Array(4) }));
  expect(() => decodeNpy(Buffer.from("hello, world!"), "x.npy")).toThrow("x.npy is not a .npy file");
  expect(() => decodeNpy(sound.subarray(0, -4), "x.npy")).toThrow(
    "holds 12 bytes of values; its shape [2, 2] needs 16",
  );
  const edited = (from: string, to: string): Buffer =>
    Buffer.from(sound.toString("latin1").replace(from, to), "latin1");
  expect(() => decodeNpy(edited("'fortran_order': False", "'fortran_order': True "), "x.npy")).toThrow("Fortran order");
  expect(() => decodeNpy(edited("<f4", ">f4"), "x.npy")).toThrow("elements of type >f4");
});
