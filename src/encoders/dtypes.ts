/** Element types that encoders may have at their inputs, outputs and weights. */
export type DType = 'float32' | 'float64' | 'float16' | 'int64' | 'int32' | 'int16' | 'int8' | 'uint64' | 'uint32' | 'uint16' | 'uint8' | 'bool';

/** ONNX's number (TensorProto.DataType) → name and bytes of an element. */
const TYPES: ReadonlyMap<number, { readonly dtype: DType; readonly bytes: number }> = new Map([
  [1, { dtype: 'float32', bytes: 4 }],
  [2, { dtype: 'uint8', bytes: 1 }],
  [3, { dtype: 'int8', bytes: 1 }],
  [4, { dtype: 'uint16', bytes: 2 }],
  [5, { dtype: 'int16', bytes: 2 }],
  [6, { dtype: 'int32', bytes: 4 }],
  [7, { dtype: 'int64', bytes: 8 }],
  [9, { dtype: 'bool', bytes: 1 }],
  [10, { dtype: 'float16', bytes: 2 }],
  [11, { dtype: 'float64', bytes: 8 }],
  [12, { dtype: 'uint32', bytes: 4 }],
  [13, { dtype: 'uint64', bytes: 8 }],
]);

/** Types that ONNX has and that nothing here can feed or read; for the sentence that refuses them. */
const REFUSED: ReadonlyMap<number, string> = new Map([
  [8, 'string'],
  [14, 'complex64'],
  [15, 'complex128'],
  [16, 'bfloat16'],
  [17, 'float8e4m3fn'],
  [18, 'float8e4m3fnuz'],
  [19, 'float8e5m2'],
  [20, 'float8e5m2fnuz'],
  [21, 'uint4'],
  [22, 'int4'],
  [23, 'float4e2m1'],
  [24, 'float8e8m0'],
]);

/** Name and element size of an ONNX type number; null when it is not one of `DType`. */
export function typeOf(number: number): { readonly dtype: DType; readonly bytes: number } | null {
  return TYPES.get(number) ?? null;
}

/** How a sentence calls an ONNX type number. */
export function typeName(number: number): string {
  return TYPES.get(number)?.dtype ?? REFUSED.get(number) ?? `unknown type ${number}`;
}

export function isFloat(dtype: DType): boolean {
  return dtype.startsWith('float');
}

/** Arrays that hold tensor elements, as ONNX Runtime takes and gives them; float16 travels as its bits. */
export type TensorData = Float32Array | Float64Array | BigInt64Array | BigUint64Array | Int32Array | Int16Array | Int8Array | Uint32Array | Uint16Array | Uint8Array;

/**
 * Numbers in the array that a tensor of `dtype` has. Integers are cut towards zero and wrap as in C, bool is 1 for
 * everything but 0 (NaN is 1, as in NumPy).
 */
export function toTyped(dtype: DType, values: ArrayLike<number>): TensorData {
  switch (dtype) {
    case 'float32':
      return values instanceof Float32Array ? values : Float32Array.from(values);
    case 'float64':
      return values instanceof Float64Array ? values : Float64Array.from(values);
    case 'float16':
      return Uint16Array.from(values, toHalf);
    case 'int64':
      return BigInt64Array.from(Array.from(values, toBigInt));
    case 'uint64':
      return BigUint64Array.from(Array.from(values, toBigInt));
    case 'int32':
      return Int32Array.from(values);
    case 'int16':
      return Int16Array.from(values);
    case 'int8':
      return Int8Array.from(values);
    case 'uint32':
      return Uint32Array.from(values);
    case 'uint16':
      return Uint16Array.from(values);
    case 'uint8':
      return Uint8Array.from(values);
    case 'bool':
      return Uint8Array.from(values, (value) => (value === 0 ? 0 : 1));
  }
}

/** Whole numbers that a type holds; beyond ±2⁵³ a float64 has none to give. */
const WHOLE: Readonly<Partial<Record<DType, readonly [low: number, high: number]>>> = {
  int8: [-128, 127],
  int16: [-32_768, 32_767],
  int32: [-(2 ** 31), 2 ** 31 - 1],
  int64: [Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER],
  uint8: [0, 255],
  uint16: [0, 65_535],
  uint32: [0, 2 ** 32 - 1],
  uint64: [0, Number.MAX_SAFE_INTEGER],
};

/** How a sentence calls the values that an input of `dtype` takes. */
export function takes(dtype: DType): string {
  const whole = WHOLE[dtype];
  if (!whole) return 'finite numbers';
  return whole[1] >= Number.MAX_SAFE_INTEGER ? 'whole numbers' : `whole numbers from ${whole[0]} to ${whole[1]}`;
}

/** Index of the first value that a tensor of `dtype` cannot hold, or −1: NaN, infinities, what is too large, and in integers fractions. */
export function firstMisfit(dtype: DType, values: Float64Array): number {
  const whole = WHOLE[dtype];
  if (whole) return values.findIndex((value) => !Number.isInteger(value) || value < whole[0] || value > whole[1]);
  const largest = dtype === 'float16' ? 65_504 : dtype === 'float32' ? 3.4028234663852886e38 : Number.MAX_VALUE;
  return values.findIndex((value) => !(Math.abs(value) <= largest));
}

/** Tensor elements as numbers. int64 beyond ±2⁵³ loses its last digits. */
export function toNumbers(dtype: DType, data: ArrayLike<number> | ArrayLike<bigint>): Float64Array {
  const out = new Float64Array(data.length);
  // A runtime with Float16Array gives float16 as numbers, one without as bits in a Uint16Array.
  const half = dtype === 'float16' && data instanceof Uint16Array;
  for (let k = 0; k < out.length; k++) out[k] = half ? fromHalf(data[k] as number) : Number(data[k]);
  return out;
}

function toBigInt(value: number): bigint {
  return Number.isFinite(value) ? BigInt(Math.trunc(value)) : 0n;
}

const word = new DataView(new ArrayBuffer(4));

/** Bits of the nearest float16, ties to even; beyond ±65519 infinite. */
export function toHalf(value: number): number {
  word.setFloat32(0, value);
  const bits = word.getUint32(0);
  const sign = (bits >>> 16) & 0x8000;
  const magnitude = Math.abs(Math.fround(value));
  if (Number.isNaN(value)) return 0x7e00;
  if (magnitude >= 65520) return sign | 0x7c00;
  // Below 2⁻¹⁴ float16 counts in steps of 2⁻²⁴; a carry into the first normal number comes out right by itself.
  const exponent = magnitude < 2 ** -14 ? -14 : Math.floor(Math.log2(magnitude));
  const steps = roundEven(magnitude / 2 ** (exponent - 10));
  return sign | (magnitude < 2 ** -14 ? steps : ((exponent + 14) << 10) + steps);
}

/** The number that float16 bits stand for. */
export function fromHalf(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >>> 10) & 31;
  const fraction = bits & 1023;
  if (exponent === 31) return fraction ? Number.NaN : sign * Infinity;
  return sign * (exponent === 0 ? fraction * 2 ** -24 : (1024 + fraction) * 2 ** (exponent - 25));
}

function roundEven(value: number): number {
  const low = Math.floor(value);
  const rest = value - low;
  return rest > 0.5 || (rest === 0.5 && low % 2 === 1) ? low + 1 : low;
}
