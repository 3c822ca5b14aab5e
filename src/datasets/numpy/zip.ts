import { Inflate } from 'fflate';
import { UserError } from '../../base/errors.ts';
import { damaged } from '../damaged.ts';
import { MAX_COLUMNS } from '../limits.ts';
import { count, quote } from '../words.ts';

/** A file in a zip archive. */
export interface ZipEntry {
  readonly name: string;
  readonly stored: boolean;
  /** Packed bytes, a view of the archive. */
  readonly packed: Uint8Array;
  /** Bytes when unpacked, as declared. */
  readonly size: number;
  readonly checksum: number;
}

const endMark = 0x06054b50;
const directoryMark = 0x02014b50;
const fileMark = 0x04034b50;

/**
 * List a zip archive by its central directory. Unpacks nothing.
 * @throws UserError `damaged`, `too-large`, `encrypted`, `unsupported-codec`
 */
export function zipEntries(path: string, data: ArrayBuffer): ZipEntry[] {
  const view = new DataView(data);
  const end = findEnd(view);
  if (end === null) throw damaged(path, 'does not end like a .npz archive: it is cut short or not .npz');
  const total = view.getUint16(end + 10, true);
  if (total > MAX_COLUMNS) throw new UserError('too-large', `${quote(path)} holds ${count(total)} arrays, above the limit of ${count(MAX_COLUMNS)}; save those that are compared in a file of their own.`);
  const entries: ZipEntry[] = [];
  try {
    let at = view.getUint32(end + 16, true);
    for (let k = 0; k < total; k++) {
      const { entry, next } = readEntry(path, view, at);
      if (!entry.name.endsWith('/')) entries.push(entry);
      at = next;
    }
  } catch (cause) {
    if (cause instanceof UserError) throw cause;
    throw damaged(path, 'has a damaged list of arrays', cause);
  }
  return entries;
}

/** Unpack the first `length` bytes of an entry at most; with all of them the checksum is checked. */
export function unzip(path: string, { name, stored, packed, size, checksum }: ZipEntry, length = size): Uint8Array {
  const bad = (cause?: unknown): UserError => damaged(path, `holds an array ${quote(name)} that is damaged`, cause);
  const out = stored ? packed.subarray(0, length) : inflate(packed, length, bad);
  if (out.length < Math.min(length, size)) throw bad();
  if (length >= size && crc32(out) !== checksum) throw bad();
  return out;
}

/** Inflates piece by piece, so that neither a lie about the size nor a small piece of a large array fills the memory. */
function inflate(packed: Uint8Array, length: number, bad: (cause?: unknown) => UserError): Uint8Array {
  const piece = 1 << 14;
  const out = new Uint8Array(length);
  let filled = 0;
  const stream = new Inflate((chunk) => {
    const part = chunk.subarray(0, length - filled);
    out.set(part, filled);
    filled += part.length;
  });
  try {
    for (let at = 0; at < packed.length; at += piece) {
      if (filled === length) break;
      stream.push(packed.subarray(at, at + piece), at + piece >= packed.length);
    }
  } catch (cause) {
    throw bad(cause);
  }
  return out.subarray(0, filled);
}

/** The record at the end, which a comment of up to 65,535 bytes may follow. */
function findEnd(view: DataView): number | null {
  for (let at = view.byteLength - 22; at >= Math.max(0, view.byteLength - 22 - 0xffff); at--) if (view.getUint32(at, true) === endMark) return at;
  return null;
}

function readEntry(path: string, view: DataView, at: number): { entry: ZipEntry; next: number } {
  if (view.getUint32(at, true) !== directoryMark) throw new RangeError(`no entry at byte ${at}`);
  const flags = view.getUint16(at + 8, true);
  const method = view.getUint16(at + 10, true);
  const checksum = view.getUint32(at + 16, true);
  const packedSize = view.getUint32(at + 20, true);
  const size = view.getUint32(at + 24, true);
  const nameLength = view.getUint16(at + 28, true);
  const name = new TextDecoder().decode(new Uint8Array(view.buffer, at + 46, nameLength));
  if (flags & 1) throw new UserError('encrypted', `${quote(path)} is an encrypted archive; save it again without encryption.`);
  if (method !== 0 && method !== 8) throw new UserError('unsupported-codec', `${quote(path)} packs ${quote(name)} by method ${method}, which cannot be read here; save it with np.savez or np.savez_compressed.`);
  if (packedSize === 0xffffffff || size === 0xffffffff) throw new UserError('too-large', `${quote(path)} holds an array ${quote(name)} of 4 GB or more; save a part of it.`);
  const header = view.getUint32(at + 42, true);
  if (view.getUint32(header, true) !== fileMark) throw new RangeError(`no file at byte ${header}`);
  const start = header + 30 + view.getUint16(header + 26, true) + view.getUint16(header + 28, true);
  if (method === 0 && packedSize !== size) throw new RangeError(`${name} has two sizes`);
  return {
    entry: { name, stored: method === 0, packed: new Uint8Array(view.buffer, start, packedSize), size, checksum },
    next: at + 46 + nameLength + view.getUint16(at + 30, true) + view.getUint16(at + 32, true),
  };
}

const crcTable = Uint32Array.from({ length: 256 }, (_, byte) => {
  let value = byte;
  for (let k = 0; k < 8; k++) value = value & 1 ? 0xedb88320 ^ (value >>> 1) : value >>> 1;
  return value;
});

/** The checksum of zip. */
function crc32(data: Uint8Array): number {
  let value = 0xffffffff;
  for (const byte of data) value = crcTable[(value ^ byte) & 255]! ^ (value >>> 8);
  return (value ^ 0xffffffff) >>> 0;
}
