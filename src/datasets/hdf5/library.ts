import type { ready } from 'h5wasm';
import { UserError } from '../../base/errors.ts';
import { damaged } from '../damaged.ts';
import { MAX_ATTRIBUTE_BYTES } from '../limits.ts';
import { dtypeName, isNumberType, unpack, type NumberType } from '../numbers.ts';
import { bytes, quote } from '../words.ts';
import { checkHeaps } from './heaps.ts';
import { checkSuperblock } from './superblock.ts';

type Library = Awaited<typeof ready>;
type Metadata = ReturnType<Library['get_dataset_metadata']>;

/** What an HDF5 array is, before it is read. */
export interface Hdf5Array {
  readonly dtype: string;
  /** Null where the values are not numbers. */
  readonly type: NumberType | null;
  readonly shape: readonly number[];
}

let opened = 0;

/** The HDF5 library, a download of 1 MB in the browser. */
async function loadLibrary(): Promise<Library> {
  try {
    const { ready: loading } = await import('h5wasm');
    return await loading;
  } catch (cause) {
    throw new UserError('no-library', 'The reader of HDF5 files cannot be loaded; check the connection and try again.', { cause: String(cause) });
  }
}

/**
 * One HDF5 file in the memory of the HDF5 library. Links can lead nowhere but into the file: the library sees a file
 * system of its own, which holds only this file.
 *
 * @throws UserError from every method: `damaged` where the library cannot follow the bytes, `too-large` where memory ends
 */
export class Hdf5File {
  readonly #library: Library;
  readonly #id: bigint;
  readonly #place: string;
  readonly path: string;

  private constructor(library: Library, id: bigint, place: string, path: string) {
    this.#library = library;
    this.#id = id;
    this.#place = place;
    this.path = path;
  }

  /** The bytes become the library's: nobody else may change them. */
  static async open(path: string, data: ArrayBuffer): Promise<Hdf5File> {
    checkSuperblock(path, data);
    checkHeaps(path, data);
    const library = await loadLibrary();
    // Errors are thrown, with the library's reasons, where it would otherwise print them and go on with what it has.
    library.activate_throwing_error_handler();
    // A name of its own for each: after an error the library may keep the last file open.
    const place = `/${opened++}.hdf5`;
    const owned = { flags: 'w', canOwn: true };
    library.FS.writeFile(place, new Uint8Array(data), owned);
    try {
      const id = library.open(place, library.H5F_ACC_RDONLY, false, -1, -1);
      if (id < 0n) throw new Error('the file id is negative');
      return new Hdf5File(library, id, place, path);
    } catch (cause) {
      library.FS.unlink(place);
      throw damaged(path, 'cannot be opened: it is damaged, or its writer never closed it', reason(cause));
    }
  }

  /** Names in a group, in the file's order. */
  names(group: string): string[] {
    return this.#call(quote(group), () => this.#library.get_names(this.#id, group, false));
  }

  /** What a path leads to; 'nothing' for links that lead nowhere, round and round, or out of the file. */
  kind(path: string): 'group' | 'array' | 'nothing' {
    const type = this.#call(quote(path), () => {
      try {
        return this.#library.get_type(this.#id, path);
      } catch (cause) {
        // Soft links that lead to each other: the library gives up after a few, and the file is whole.
        if (reason(cause).message === 'too many links') return null;
        throw cause;
      }
    });
    return type === this.#library.H5G_GROUP ? 'group' : type === this.#library.H5G_DATASET ? 'array' : 'nothing';
  }

  /** Equal for two paths that lead to the same object. */
  identity(path: string): string {
    return this.#call(quote(path), () => this.#library.create_object_reference(this.#id, path)).join();
  }

  describe(path: string): Hdf5Array {
    const metadata = this.#call(quote(path), () => this.#library.get_dataset_metadata(this.#id, path));
    return { ...elementType(metadata), shape: this.#shapeOf(path, metadata) };
  }

  /** All values of an array as they are stored, but for the byte order. `array` is what `describe` said. */
  read(path: string, array: Hdf5Array): { data: Uint8Array; type: NumberType } {
    const now = this.#call(quote(path), () => this.#library.get_dataset_metadata(this.#id, path));
    const { type } = elementType(now);
    if (!type || this.#shapeOf(path, now).join() !== array.shape.join()) throw new UserError('file-changed', `${quote(this.path)} changed while it was read; choose it again.`);
    const length = array.shape.reduce((product, n) => product * n, type.size);
    const data = this.#call(quote(path), () =>
      this.#inMemory(path, length, (pointer) => {
        const status = this.#library.get_dataset_data(this.#id, path, null, null, null, pointer);
        if (status < 0) throw new Error(`status ${status}`);
      }),
    );
    return { data, type: { ...type, littleEndian: true } };
  }

  /** An attribute that is text or one number; null where there is none, or of another kind. */
  attribute(path: string, name: string): string | number | null {
    return this.#call(`the attributes of ${quote(path)}`, () => {
      if (!this.#library.get_attribute_names(this.#id, path).includes(name)) return null;
      const metadata = this.#library.get_attribute_metadata(this.#id, path, name);
      if (metadata.shape === null || metadata.total_size !== 1 || metadata.size > MAX_ATTRIBUTE_BYTES) return null;
      const { type } = elementType(metadata);
      const text = metadata.type === this.#library.H5T_class_t.H5T_STRING.value;
      if (!text && !type) return null;
      const data = this.#inMemory(path, metadata.size, (pointer) => this.#library.get_attribute_data(this.#id, path, name, pointer));
      if (type) return numberOf(data, type);
      return metadata.vlen ? this.#library.UTF8ToString(new DataView(data.buffer).getUint32(0, true)) : new TextDecoder().decode(data).replace(/\0.*$/s, '');
    });
  }

  /** Give the memory back. */
  close(): void {
    try {
      this.#library.close_file(this.#id);
    } catch {
      // What a damaged file leaves open ends with the reader.
    }
    this.#library.FS.unlink(this.#place);
  }

  /** Memory of the library, filled by `fill`, as a copy of our own. */
  #inMemory(path: string, length: number, fill: (pointer: bigint) => void): Uint8Array<ArrayBuffer> {
    const library = this.#library;
    const pointer = length <= library.MAXIMUM_MEMORY ? library['_malloc'](Math.max(1, length)) : 0;
    if (pointer === 0) throw new UserError('too-large', `${quote(this.path)} holds ${quote(path)}, whose ${bytes(length)} do not fit into memory; save it in smaller parts.`);
    try {
      fill(BigInt(pointer));
      return library.HEAPU8.slice(pointer, pointer + length);
    } finally {
      library['_free'](pointer);
    }
  }

  #call<T>(what: string, call: () => T): T {
    try {
      return call();
    } catch (cause) {
      if (cause instanceof UserError) throw cause;
      throw damaged(this.path, `is damaged at ${what}`, reason(cause));
    }
  }

  #shapeOf(path: string, { shape }: Metadata): number[] {
    if (shape?.some((n) => !Number.isSafeInteger(n) || n < 0)) throw damaged(this.path, `declares an impossible shape of ${quote(path)}`);
    // A dataspace without any element ("null") reads as an empty array.
    return shape ?? [0];
  }
}

/** HDF5's type classes, by number. */
const classNames = ['int', 'float', 'time', 'string', 'bitfield', 'opaque', 'compound', 'reference', 'enum', 'list', 'array'];

function elementType({ type, size, signed, littleEndian, enum_type: enumeration }: Metadata): Pick<Hdf5Array, 'dtype' | 'type'> {
  const name = classNames[type] ?? 'unknown';
  const integer = name === 'int' || (name === 'enum' && enumeration?.type === 0);
  if (!integer && name !== 'float') return { dtype: name, type: null };
  // h5py keeps booleans as an enumeration of FALSE and TRUE.
  const truth = name === 'enum' && size === 1 && Object.keys(enumeration?.members ?? {}).toSorted().join() === 'FALSE,TRUE';
  const number: NumberType = { kind: truth ? 'bool' : name === 'float' ? 'float' : signed ? 'int' : 'uint', size, littleEndian };
  return { dtype: dtypeName(number), type: isNumberType(number) ? number : null };
}

function numberOf(data: Uint8Array, type: NumberType): number {
  const value = new Float64Array(1);
  unpack(data, { ...type, littleEndian: true }, value, 0, 1);
  return value[0]!;
}

/** The innermost reason of the library's error stack. */
function reason(cause: unknown): Error {
  const text = cause instanceof Error ? cause.message : String(cause);
  const reasons = [...text.matchAll(/^\s*#\d+:.*\(\): (.*)$/gm)].map(([, sentence]) => sentence ?? '');
  return new Error(reasons.at(-1) ?? text.slice(0, 200));
}
