import { damaged } from '../damaged.ts';
import { dtypeName, isNumberType, type NumberType } from '../numbers.ts';

/** Header of a .npy file. */
export interface NpyHeader {
  readonly dtype: string;
  /** Null where the values are not numbers (text, Python objects, structures, complex numbers). */
  readonly type: NumberType | null;
  readonly shape: readonly number[];
  /** First axis fastest. */
  readonly fortran: boolean;
  /** Where the values begin. */
  readonly offset: number;
}

/** Headers are one line of Python; the longest of real files list a structure's fields. */
export const MAX_NPY_HEADER = 64 * 1024;

const magic = [0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59];
const literal = /^\{\s*'descr':\s*(?:'(?<code>[^']*)'|(?<fields>\[.*\])),\s*'fortran_order':\s*(?<fortran>True|False),\s*'shape':\s*\((?<shape>[\d\s,L]*)\),?\s*\}\s*$/s;

/**
 * Read the header. `head` holds the first bytes of the array, as many as the header needs; `size` is the length of all.
 * (npyjs reads neither big-endian numbers nor structures, and checks no length.)
 *
 * @throws UserError `damaged`, also where the values do not have the length that the shape needs
 */
export function npyHeader(what: string, head: Uint8Array, size: number): NpyHeader {
  if (head.length < 12 || magic.some((byte, k) => head[k] !== byte)) throw damaged(what, 'does not begin like a .npy array: it is damaged or not NumPy');
  const view = new DataView(head.buffer, head.byteOffset, head.byteLength);
  const long = view.getUint8(6) >= 2;
  const start = long ? 12 : 10;
  const offset = start + (long ? view.getUint32(8, true) : view.getUint16(8, true));
  const found = offset <= head.length ? literal.exec(new TextDecoder('latin1').decode(head.subarray(start, offset)))?.groups : undefined;
  // numpy sorts the keys, so that they come in this order.
  if (!found) throw damaged(what, 'has a damaged header');
  const shape = (found['shape'] ?? '').split(',').map((part) => part.replace('L', '').trim()).filter((part) => part !== '').map(Number);
  if (shape.some((n) => !Number.isSafeInteger(n)) || shape.length > 32) throw damaged(what, 'declares an impossible shape');
  const element = elementType(found['code'], found['fields']);
  if (element.type && shape.reduce((product, n) => product * n, element.type.size) !== size - offset) throw damaged(what, 'has another length than its shape needs');
  return { ...element, shape, fortran: found['fortran'] === 'True', offset };
}

/** Values in C order, the last axis fastest, in their own number type. */
export function rowMajor(data: Uint8Array, { type, shape, fortran }: NpyHeader): Uint8Array {
  if (!fortran || !type || shape.length < 2) return data;
  const out = new Uint8Array(data.length);
  const { size } = type;
  const index = shape.map(() => 0);
  for (let to = 0; to < data.length; to += size) {
    let from = 0;
    for (let axis = shape.length - 1; axis >= 0; axis--) from = from * shape[axis]! + index[axis]!;
    for (let k = 0; k < size; k++) out[to + k] = data[from * size + k]!;
    for (let axis = shape.length - 1; axis >= 0 && ++index[axis]! === shape[axis]; axis--) index[axis] = 0;
  }
  return out;
}

const kinds = new Map<string, NumberType['kind']>([
  ['b', 'bool'],
  ['i', 'int'],
  ['u', 'uint'],
  ['f', 'float'],
]);
const words = new Map([
  ['U', 'string'],
  ['S', 'string'],
  ['a', 'string'],
  ['O', 'object'],
  ['V', 'void'],
  ['c', 'complex'],
  ['M', 'datetime'],
  ['m', 'timedelta'],
]);

function elementType(code: string | undefined, fields: string | undefined): Pick<NpyHeader, 'dtype' | 'type'> {
  if (fields !== undefined) return { dtype: 'struct', type: null };
  const [, order, letter = '', digits] = /^([<>|=]?)([a-zA-Z])(\d*)/.exec(code ?? '') ?? [];
  const kind = kinds.get(letter);
  if (!kind) return { dtype: words.get(letter) ?? 'unknown', type: null };
  const type: NumberType = { kind, size: Number(digits), littleEndian: order !== '>' };
  return isNumberType(type) ? { dtype: dtypeName(type), type } : { dtype: dtypeName(type), type: null };
}
