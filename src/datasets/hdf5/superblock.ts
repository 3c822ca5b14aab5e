import { UserError } from '../../base/errors.ts';
import { damaged } from '../damaged.ts';
import { bytes, quote } from '../words.ts';

const signature = [0x89, 0x48, 0x44, 0x46, 0x0d, 0x0a, 0x1a, 0x0a];

/**
 * Check where the file says it ends, before the library sees it: a file that is cut short is by far the most frequent
 * damage, and the library's own message about it says nothing to a person.
 */
export function checkSuperblock(path: string, data: ArrayBuffer): void {
  if (data.byteLength === 0) throw damaged(path, 'is empty (0 bytes)');
  const view = new DataView(data);
  const start = findSignature(view);
  if (start === null) throw damaged(path, 'does not begin like an HDF5 file: it is damaged or not HDF5');
  const end = declaredEnd(view, start);
  if (end === null) throw damaged(path, 'has a damaged header');
  if (end > data.byteLength) {
    throw new UserError('damaged', `${quote(path)} is cut short: it is ${bytes(data.byteLength)} long and says that it has ${bytes(end)}; copy or download the file again.`);
  }
}

/** A user block of 512, 1024, 2048, … bytes may come first. */
function findSignature(view: DataView): number | null {
  for (let at = 0; at + 48 <= view.byteLength; at = at === 0 ? 512 : 2 * at) {
    if (signature.every((byte, k) => view.getUint8(at + k) === byte)) return at;
  }
  return null;
}

/** Absolute end of file from the superblock; null where it makes no sense. */
function declaredEnd(view: DataView, start: number): number | null {
  const version = view.getUint8(start + 8);
  if (version > 3) return null;
  const width = view.getUint8(start + (version < 2 ? 13 : 9));
  if (width !== 4 && width !== 8) return null;
  // Versions 0 and 1 have group parameters first (24 and 28 bytes), then base, free space, end; 2 and 3 base, extension, end.
  const base = start + [24, 28, 12, 12][version]!;
  if (base + 3 * width > view.byteLength) return null;
  const address = (at: number): number => (width === 4 ? view.getUint32(at, true) : Number(view.getBigUint64(at, true)));
  const end = address(base + 2 * width);
  return Number.isSafeInteger(end) ? end : null;
}
