import { MAX_THRIFT_DEPTH } from '../limits.ts';

/**
 * A bounded walk over thrift's compact protocol, the encoding of parquet footers and page headers.
 *
 * The parquet library trusts the lengths it reads: a list that claims a billion entries is allocated first and found
 * missing later, and an integer of a million continuation bytes takes minutes. This walk allocates nothing for what
 * it does not keep and refuses what the bytes cannot hold, so that the library only ever sees a footer whose every
 * length is true.
 */

/** Integers and nested structs by field id; everything else is checked and dropped. */
export type ThriftStruct = ReadonlyMap<number, number | ThriftStruct>;

const wire = { stop: 0, yes: 1, no: 2, byte: 3, i16: 4, i32: 5, i64: 6, double: 7, binary: 8, list: 9, struct: 12 } as const;

export class ThriftReader {
  readonly #view: DataView;
  readonly #end: number;
  offset: number;

  /** Reads `view` from `offset` up to `end` (exclusive). Any malformed byte throws a RangeError. */
  constructor(view: DataView, offset: number, end: number) {
    this.#view = view;
    this.offset = offset;
    this.#end = end;
  }

  /** The struct that starts at `offset`, which moves past it. */
  struct(depth = 0): ThriftStruct {
    if (depth > MAX_THRIFT_DEPTH) throw new RangeError('thrift structs nested too deep');
    const fields = new Map<number, number | ThriftStruct>();
    let id = 0;
    for (;;) {
      const head = this.#byte();
      const type = head & 15;
      if (type === wire.stop) return fields;
      id = head >> 4 ? id + (head >> 4) : unzigzag(this.#varint());
      if (type === wire.yes || type === wire.no) fields.set(id, type === wire.yes ? 1 : 0);
      else if (type === wire.struct) fields.set(id, this.struct(depth + 1));
      else if (type === wire.byte || (type >= wire.i16 && type <= wire.i64)) fields.set(id, this.#integer(type));
      else this.#skip(type, depth);
    }
  }

  #integer(type: number): number {
    return type === wire.byte ? this.#byte() : unzigzag(this.#varint());
  }

  #skip(type: number, depth: number): void {
    switch (type) {
      // Inside a list a boolean takes a byte; as a field its value is in the type.
      case wire.yes:
      case wire.no:
      case wire.byte:
        this.#move(1);
        return;
      case wire.i16:
      case wire.i32:
      case wire.i64:
        this.#varint();
        return;
      case wire.double:
        this.#move(8);
        return;
      case wire.binary:
        this.#move(this.#varint());
        return;
      case wire.struct:
        this.struct(depth + 1);
        return;
      case wire.list: {
        if (depth > MAX_THRIFT_DEPTH) throw new RangeError('thrift lists nested too deep');
        const head = this.#byte();
        const size = head >> 4 === 15 ? this.#varint() : head >> 4;
        // Every entry takes at least a byte, so this bounds the loop and whatever the library will allocate.
        if (size > this.#end - this.offset) throw new RangeError(`thrift list of ${size} entries is longer than its bytes`);
        for (let k = 0; k < size; k++) this.#skip(head & 15, depth + 1);
        return;
      }
      default:
        throw new RangeError(`thrift type ${type} is not used by parquet`);
    }
  }

  #byte(): number {
    this.#move(1);
    return this.#view.getUint8(this.offset - 1);
  }

  #move(length: number): void {
    if (length > this.#end - this.offset) throw new RangeError('thrift data ends early');
    this.offset += length;
  }

  /** Unsigned LEB128 as a number: exact up to 2⁵³, and beyond that only ever compared with a cap. */
  #varint(): number {
    let value = 0;
    for (let k = 0; k < 10; k++) {
      const byte = this.#byte();
      value += (byte & 127) * 2 ** (7 * k);
      if (byte < 128) return value;
    }
    throw new RangeError('thrift integer is longer than 64 bits');
  }
}

function unzigzag(value: number): number {
  return value % 2 === 0 ? value / 2 : -(value + 1) / 2;
}
