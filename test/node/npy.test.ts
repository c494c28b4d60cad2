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
  { dtype: "float16", dims: [2], data: Uint16Array.of(0x3c00, 0xc000) },
  { dtype: "int8", dims: [2], data: Int8Array.of(-128, 127) },
  { dtype: "int16", dims: [2], data: Int16Array.of(-32768, 1) },
  { dtype: "uint16", dims: [1], data: Uint16Array.of(65535) },
  { dtype: "uint32", dims: [1], data: Uint32Array.of(4294967295) },
  { dtype: "uint64", dims: [1], data: BigUint64Array.of(2n ** 64n - 1n) },
  { dtype: "string", dims: [3], data: ["", "héllo", "𝒳\u0000y"] },
  { dtype: "float32", dims: [0, 3], data: new Float32Array() },
];

test.each(tensors)("$dtype $dims comes back as it was", (tensor) => {
  const bytes = Buffer.from(encodeNpy(tensor));
  expect(decodeNpy(bytes, "x.npy")).toEqual(tensor);
  expect(bytes.indexOf("\n") % 64).toBe(63);
});

/** A file as another program writes it: `version`, header as given, bytes after it. */
function npy(version: 1 | 2 | 3, about: string, body: Uint8Array): Buffer {
  const text = Buffer.from(`${about}\n`, version === 3 ? "utf8" : "latin1");
  const lead = Buffer.alloc(version === 1 ? 10 : 12);
  lead.write("\u0093NUMPY", "latin1");
  lead.set([version, 0], 6);
  if (version === 1) lead.writeUInt16LE(text.length, 8);
  else lead.writeUInt32LE(text.length, 8);
  return Buffer.concat([lead, text, body]);
}

function header(descr: string, shape: string, fortran = "False"): string {
  return `{'descr': '${descr}', 'fortran_order': ${fortran}, 'shape': (${shape}), }`;
}

test("reads Fortran order, big-endian values and versions 2 and 3", () => {
  const values = Float32Array.of(1, 2, 3, 4, 5, 6);
  const fortran = decodeNpy(npy(1, header("<f4", "2, 3", "True"), new Uint8Array(values.buffer)), "x.npy");
  expect(fortran).toEqual({ dtype: "float32", dims: [2, 3], data: Float32Array.of(1, 3, 5, 2, 4, 6) });
  const cube = Uint8Array.from({ length: 24 }, (_, at) => at);
  const turned = decodeNpy(npy(1, header("|u1", "2, 3, 4", "True"), cube), "x.npy");
  const expected = Uint8Array.from(
    { length: 24 },
    (_, at) => Math.floor(at / 12) + 2 * (Math.floor(at / 4) % 3) + 6 * (at % 4),
  );
  expect(turned).toEqual({ dtype: "uint8", dims: [2, 3, 4], data: expected });
  const big = Buffer.alloc(12);
  [1.5, -2, 300].forEach((value, index) => big.writeFloatBE(value, index * 4));
  expect(decodeNpy(npy(2, header(">f4", "3,"), big), "x.npy").data).toEqual(Float32Array.of(1.5, -2, 300));
  expect(decodeNpy(npy(3, header("|i1", ""), Uint8Array.of(255)), "x.npy")).toEqual({
    dtype: "int8",
    dims: [],
    data: Int8Array.of(-1),
  });
});

test("reads a header with other spaces", () => {
  const spaced = npy(1, "{ 'descr' : '|u1' , 'shape' : ( 2 , ) , 'fortran_order' : False }", Uint8Array.of(1, 2));
  expect(decodeNpy(spaced, "x.npy")).toEqual({ dtype: "uint8", dims: [2], data: Uint8Array.of(1, 2) });
});

test("refuses more strings than there can be", () => {
  expect(() => decodeNpy(npy(1, header("<U0", "99999999999,"), new Uint8Array()), "x.npy")).toThrow(
    "x.npy is said to hold 99999999999 strings of no letters; at most 16777216 are read",
  );
  const data = [...Array.from({ length: 2 ** 15 }, () => ""), "x".repeat(2 ** 15)];
  expect(() => encodeNpy({ dtype: "string", dims: [data.length], data })).toThrow("are too much for a .npy file");
});

test("refuses what is no .npy, cut short, or of another kind", () => {
  const sound = Buffer.from(encodeNpy({ dtype: "float32", dims: [2, 2], data: new Float32Array(4) }));
  expect(() => decodeNpy(Buffer.from("hello, world!"), "x.npy")).toThrow("x.npy is not a .npy file");
  expect(() => decodeNpy(sound.subarray(0, -4), "x.npy")).toThrow(
    "holds 12 bytes of values; its shape [2, 2] of <f4 needs 16",
  );
  expect(() => decodeNpy(sound.subarray(0, 40), "x.npy")).toThrow("ends within its header");
  expect(() => decodeNpy(npy(1, header("<c16", "1,"), new Uint8Array(16)), "x.npy")).toThrow("elements of type <c16");
  expect(() => decodeNpy(npy(1, header("|O", "1,"), new Uint8Array(8)), "x.npy")).toThrow("elements of type |O");
  const fields = "{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (1,), }";
  expect(() => decodeNpy(npy(1, fields, new Uint8Array(4)), "x.npy")).toThrow("a structured array");
  const future = Buffer.from(sound);
  future[6] = 4;
  expect(() => decodeNpy(future, "x.npy")).toThrow("version 4; expected 1, 2 or 3");
});

test("more axes than NumPy writes are refused at once", () => {
  const started = performance.now();
  for (const count of [65, 100_000]) {
    const about = header("<f4", "1, ".repeat(count), "True");
    const file = npy(2, about, new Uint8Array(4));
    expect(() => decodeNpy(file, "x.npy")).toThrow(`x.npy is said to have ${count} axes; NumPy writes at most 64`);
  }
  const most = npy(2, header("<f4", "1, ".repeat(64), "True"), new Uint8Array(4));
  expect(decodeNpy(most, "x.npy").dims).toHaveLength(64);
  expect(performance.now() - started).toBeLessThan(5000);
});
