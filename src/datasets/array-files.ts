import { digest } from '../base/digest.ts';
import { UserError } from '../base/errors.ts';
import { MAX_ARRAY_FILE_BYTES } from './limits.ts';
import type { InputFile } from './types.ts';
import { bytes, list, quote } from './words.ts';

/** The whole of an HDF5 or NumPy file. */
export async function wholeFile(file: InputFile): Promise<ArrayBuffer> {
  if (file.size > MAX_ARRAY_FILE_BYTES) {
    throw new UserError('too-large', `${quote(file.path)} is ${bytes(file.size)} long, above the limit of ${bytes(MAX_ARRAY_FILE_BYTES)} a file; save it without pictures, or in parts.`);
  }
  const data = await file.slice(0, file.size);
  if (data.byteLength !== file.size) throw changed(file);
  return data;
}

/** The bytes again, for a second look: refused when they are others now. */
export async function sameFile(file: InputFile, before: ArrayBuffer): Promise<ArrayBuffer> {
  const data = await wholeFile(file);
  const now = new Uint8Array(await digest(data));
  if (new Uint8Array(before).some((byte, k) => byte !== now[k])) throw changed(file);
  return data;
}

function changed(file: InputFile): UserError {
  return new UserError('file-changed', `${quote(file.path)} changed while it was read; choose it again.`);
}

/** `lift` of `sim/lift.hdf5`: the dataset's name where it is one file, the episode's where a file is one episode. */
export function baseName(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1).replace(/\.\w+$/, '');
}

/** The refusal of several files each of which is a dataset by itself. */
export function severalFiles(files: readonly InputFile[]): UserError {
  return new UserError('several-datasets', `There are ${files.length} datasets here (${list(files.map(({ path }) => quote(path)))}); open one of these files by itself.`);
}
