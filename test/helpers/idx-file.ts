/** The bytes of an IDX file of unsigned bytes. */
export function idxFile(dims: readonly number[], data: Uint8Array): Uint8Array {
  const header = new DataView(new ArrayBuffer(4 + 4 * dims.length));
  header.setUint32(0, 0x0800 | dims.length);
  for (const [axis, dim] of dims.entries()) header.setUint32(4 + 4 * axis, dim);
  const file = new Uint8Array(header.byteLength + data.length);
  file.set(new Uint8Array(header.buffer));
  file.set(data, header.byteLength);
  return file;
}
