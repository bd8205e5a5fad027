/** The part of the protobuf wire format that an ONNX file needs: varints, fixed 32-bit floats, length-delimited fields. */
export class ProtoWriter {
  private bytes = new Uint8Array(1024);
  private length = 0;

  /** Field of type int32, int64, bool or enum; safe integers, negative ones as ten bytes of two's complement. */
  int(field: number, value: number): this {
    return this.varint(field * 8).varint(value);
  }

  float(field: number, value: number): this {
    this.varint(field * 8 + 5);
    this.reserve(4);
    new DataView(this.bytes.buffer).setFloat32(this.length, value, true);
    this.length += 4;
    return this;
  }

  raw(field: number, value: Uint8Array): this {
    this.varint(field * 8 + 2).varint(value.length);
    this.reserve(value.length);
    this.bytes.set(value, this.length);
    this.length += value.length;
    return this;
  }

  text(field: number, value: string): this {
    return this.raw(field, new TextEncoder().encode(value));
  }

  message(field: number, write: (child: ProtoWriter) => void): this {
    const child = new ProtoWriter();
    write(child);
    return this.raw(field, child.finish());
  }

  /** Repeated integers, packed. */
  ints(field: number, values: readonly number[]): this {
    const child = new ProtoWriter();
    for (const value of values) child.varint(value);
    return this.raw(field, child.finish());
  }

  finish(): Uint8Array {
    return this.bytes.slice(0, this.length);
  }

  private varint(value: number): this {
    this.reserve(10);
    let rest = BigInt.asUintN(64, BigInt(value));
    while (rest > 127n) {
      this.bytes[this.length++] = Number(rest & 127n) | 128;
      rest >>= 7n;
    }
    this.bytes[this.length++] = Number(rest);
    return this;
  }

  private reserve(more: number): void {
    if (this.length + more <= this.bytes.length) return;
    const wider = new Uint8Array(Math.max(2 * this.bytes.length, this.length + more));
    wider.set(this.bytes);
    this.bytes = wider;
  }
}
