/** How one number lies in a file. */
export interface NumberType {
  readonly kind: 'int' | 'uint' | 'float' | 'bool';
  /** Bytes. */
  readonly size: number;
  readonly littleEndian: boolean;
}

/** Whether numbers of this type can be unpacked: integers of 1 to 8 bytes, floats of 2, 4 and 8, booleans of 1. */
export function isNumberType({ kind, size }: NumberType): boolean {
  if (kind === 'bool') return size === 1;
  return size === 2 || size === 4 || size === 8 || (size === 1 && kind !== 'float');
}

/** numpy's name: `float32`, `uint8`, `bool`. */
export function dtypeName({ kind, size }: NumberType): string {
  return kind === 'bool' ? 'bool' : `${kind}${8 * size}`;
}

/** Write the first `count` numbers of `bytes` to `out` from `at`. Integers beyond 2⁵³ are rounded. */
export function unpack(bytes: Uint8Array, type: NumberType, out: Float64Array, at: number, count: number): void {
  const read = reader(new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength), type);
  for (let k = 0; k < count; k++) out[at + k] = read(k * type.size);
}

function reader(view: DataView, { kind, size, littleEndian }: NumberType): (at: number) => number {
  if (kind === 'bool') return (at) => (view.getUint8(at) === 0 ? 0 : 1);
  switch (`${kind}${size}`) {
    case 'int1':
      return (at) => view.getInt8(at);
    case 'int2':
      return (at) => view.getInt16(at, littleEndian);
    case 'int4':
      return (at) => view.getInt32(at, littleEndian);
    case 'int8':
      return (at) => Number(view.getBigInt64(at, littleEndian));
    case 'uint1':
      return (at) => view.getUint8(at);
    case 'uint2':
      return (at) => view.getUint16(at, littleEndian);
    case 'uint4':
      return (at) => view.getUint32(at, littleEndian);
    case 'uint8':
      return (at) => Number(view.getBigUint64(at, littleEndian));
    case 'float2':
      return (at) => half(view.getUint16(at, littleEndian));
    case 'float4':
      return (at) => view.getFloat32(at, littleEndian);
    default:
      return (at) => view.getFloat64(at, littleEndian);
  }
}

/** IEEE 754 binary16. */
function half(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 31;
  const fraction = bits & 1023;
  if (exponent === 31) return fraction === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN;
  return exponent === 0 ? sign * fraction * 2 ** -24 : sign * (1024 + fraction) * 2 ** (exponent - 25);
}
