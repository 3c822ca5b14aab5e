import { damaged } from '../damaged.ts';

/** "GCOL", version 1, three reserved zeros: eight bytes that no other data have by chance. */
const signature = [0x47, 0x43, 0x4f, 0x4c, 1, 0, 0, 0];

/** Bytes before an object: index, reference count, reserved, size. */
const objectHeader = 16;

/**
 * Walk the global heaps, in which HDF5 keeps text of variable length. The library walks them too, and a damaged one
 * whose free space claims to be of no length keeps it in the same place for ever.
 */
export function checkHeaps(path: string, data: ArrayBuffer): void {
  const all = new Uint8Array(data);
  const view = new DataView(data);
  for (let start = all.indexOf(signature[0]!); start >= 0; start = all.indexOf(signature[0]!, start + 1)) {
    if (start + objectHeader > all.length) return;
    if (!signature.every((byte, k) => all[start + k] === byte)) continue;
    const size = Number(view.getBigUint64(start + 8, true));
    if (size > all.length - start || !isSound(view, start + objectHeader, start + size)) throw damaged(path, 'holds a heap of text that is damaged');
  }
}

function isSound(view: DataView, start: number, end: number): boolean {
  for (let at = start; at + objectHeader <= end; ) {
    const index = view.getUint16(at, true);
    const size = Number(view.getBigUint64(at + 8, true));
    // Index 0 is the free space; its size counts its header, and others are padded to 8 bytes.
    const step = index === 0 ? size : objectHeader + 8 * Math.ceil(size / 8);
    if (step < objectHeader || step > end - at) return false;
    at += step;
  }
  return true;
}
