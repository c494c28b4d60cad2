/** Wire types of https://protobuf.dev/programming-guides/encoding. */
const VARINT = 0;
const LENGTH_DELIMITED = 2;
const FIXED32 = 5;

const encoder = new TextEncoder();

/**
 * Writes the fields of one protocol buffer message. What is long (tensors, nested messages) is kept as it is until
 * {@link MessageWriter.finish} puts all of it together, once.
 *
 * protobufjs, with which this package reads ONNX files, writes the same bytes (a test holds that), but outgrows a browser.
 * Its writer alone, `protobufjs/src/writer.js`, brings in 10 kB, zipped, of which a bundler drops nothing, where all of the
 * library has to stay below 60 kB and is at 59 without it: CommonJS modules that hold functions for reading, text and 64-bit
 * integers, the `long` package. Without `long` and what the writer never calls, neither of which a package can keep out of its
 * users' bundles, it would still be 4 kB more than this class.
 */
export class MessageWriter {
  readonly #chunks: Uint8Array[] = [];
  #small: number[] = [];
  #length = 0;

  /** An integer: int32, int64, uint32, uint64, bool or an enum. */
  int(field: number, value: number): this {
    this.#varint(field * 8 + VARINT);
    this.#varint(value);
    return this;
  }

  /** A float of 4 bytes. */
  float(field: number, value: number): this {
    this.#varint(field * 8 + FIXED32);
    const view = new DataView(new ArrayBuffer(4));
    view.setFloat32(0, value, true);
    for (let at = 0; at < 4; at++) this.#byte(view.getUint8(at));
    return this;
  }

  bytes(field: number, value: Uint8Array): this {
    this.#varint(field * 8 + LENGTH_DELIMITED);
    this.#varint(value.length);
    this.#append([value], value.length);
    return this;
  }

  string(field: number, value: string): this {
    return this.bytes(field, encoder.encode(value));
  }

  /** A nested message, whose fields `body` writes. */
  message(field: number, body: (nested: MessageWriter) => void): this {
    const nested = new MessageWriter();
    body(nested);
    nested.#flush();
    this.#varint(field * 8 + LENGTH_DELIMITED);
    this.#varint(nested.#length);
    this.#append(nested.#chunks, nested.#length);
    return this;
  }

  finish(): Uint8Array {
    this.#flush();
    const all = new Uint8Array(this.#length);
    let at = 0;
    for (const chunk of this.#chunks) {
      all.set(chunk, at);
      at += chunk.length;
    }
    return all;
  }

  /** Seven bits a byte, the lowest first; negative numbers as the 64 bits of their two's complement. */
  #varint(value: number): void {
    if (value < 0 || value >= 2 ** 31) {
      this.#longVarint(BigInt.asUintN(64, BigInt(value)));
      return;
    }
    let left = value;
    while (left > 127) {
      this.#byte((left & 127) | 128);
      left >>>= 7;
    }
    this.#byte(left);
  }

  #longVarint(value: bigint): void {
    let left = value;
    while (left > 127n) {
      this.#byte(Number(left & 127n) | 128);
      left >>= 7n;
    }
    this.#byte(Number(left));
  }

  #byte(value: number): void {
    this.#small.push(value);
    this.#length++;
  }

  #append(chunks: readonly Uint8Array[], length: number): void {
    this.#flush();
    for (const chunk of chunks) this.#chunks.push(chunk);
    this.#length += length;
  }

  #flush(): void {
    if (this.#small.length === 0) return;
    this.#chunks.push(Uint8Array.from(this.#small));
    this.#small = [];
  }
}
