import { deflateRawSync } from 'node:zlib';
import { File as Hdf5, Group, ready } from 'h5wasm';
import { dump } from 'npyjs';

type TypedArray = Float64Array | Float32Array | Uint8Array | Int32Array | BigInt64Array;

/** What goes into a group: an array with its shape, or a group of its own. */
export interface MadeGroup {
  readonly [name: string]: MadeArray | MadeGroup;
}
export interface MadeArray {
  readonly data: TypedArray | readonly string[];
  readonly shape: readonly number[];
  readonly gzip?: boolean;
}

let made = 0;

/** The bytes of an HDF5 file with these groups; `finish` may add attributes and links. */
export async function hdf5(root: MadeGroup, finish: (file: Hdf5) => void = () => undefined): Promise<ArrayBuffer> {
  const library = await ready;
  const place = `/made-${made++}.hdf5`;
  const file = new Hdf5(place, 'w');
  fill(file, root);
  finish(file);
  file.close();
  const bytes = Uint8Array.from(library.FS.readFile(place));
  library.FS.unlink(place);
  return bytes.buffer;
}

/** A group of a file that is being made. */
export function groupAt(file: Hdf5, path: string): Group {
  const found = file.get(path);
  if (!(found instanceof Group)) throw new Error(`there is no group ${path}`);
  return found;
}

function fill(group: Group, members: MadeGroup): void {
  for (const [name, member] of Object.entries(members)) {
    if (!isArray(member)) {
      const inner = group.create_group(name);
      fill(inner, member);
      continue;
    }
    const { data, shape, gzip } = member;
    if (Array.isArray(data)) group.create_dataset({ name, data: [...data] as string[], shape: [...shape], dtype: 'S8' });
    else group.create_dataset({ name, data: data as TypedArray, shape: [...shape], ...(gzip && { chunks: [...shape], compression: 'gzip' }) });
  }
}

function isArray(member: MadeArray | MadeGroup): member is MadeArray {
  return 'data' in member && 'shape' in member;
}

/** An array of these rows, all of one width; float32. */
export function rows(values: readonly (readonly number[])[]): MadeArray {
  return { data: Float32Array.from(values.flat()), shape: [values.length, values[0]?.length ?? 0] };
}

/** Columns of a robomimic episode of `length` frames: 2 actions, 3 states, 2 observations, made from its number. */
export function demo(index: number, length: number): MadeGroup {
  const frames = Array.from({ length }, (_, frame) => frame);
  return {
    actions: rows(frames.map((frame) => [index + 0.5, frame + 0.25])),
    states: { data: Float64Array.from(frames.flatMap((frame) => [index, frame, index * frame])), shape: [length, 3] },
    dones: { data: BigInt64Array.from(frames, (frame) => BigInt(frame === length - 1 ? 1 : 0)), shape: [length], gzip: true },
    obs: { eef: { ...rows(frames.map((frame) => [frame / 10, index])), gzip: true } },
    next_obs: { eef: rows(frames.map((frame) => [(frame + 1) / 10, index])) },
  };
}

/** A robomimic file with these demonstrations, as robomimic writes it. */
export async function robomimic(demos: Readonly<Record<string, MadeGroup>>, finish: (file: Hdf5) => void = () => undefined): Promise<ArrayBuffer> {
  return hdf5({ data: demos }, (file) => {
    groupAt(file, 'data').create_attribute('env_args', JSON.stringify({ env_name: 'Lift', type: 1, env_kwargs: { control_freq: 20 } }));
    finish(file);
  });
}

/** A .npy array as numpy writes it, with a header of one's own. */
export function npy(line: string, data: Uint8Array): Uint8Array {
  const text = `${line}${' '.repeat(63 - ((10 + line.length) % 64))}\n`;
  const head = new Uint8Array(10 + text.length);
  head.set([0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59, 1, 0]);
  new DataView(head.buffer).setUint16(8, text.length, true);
  head.set(new TextEncoder().encode(text), 10);
  return Uint8Array.from([...head, ...data]);
}

/** numpy's header for a type and shape. */
export function header(descr: string, shape: readonly number[], fortran = false): string {
  return `{'descr': '${descr}', 'fortran_order': ${fortran ? 'True' : 'False'}, 'shape': (${shape.length === 1 ? `${shape[0]},` : shape.join(', ')}), }`;
}

/** A float64 array of these rows. */
export function npyRows(values: readonly (readonly number[])[]): Uint8Array {
  const flat = Float64Array.from(values.flat());
  return npy(header('<f8', [values.length, values[0]?.length ?? 0]), new Uint8Array(flat.buffer));
}

/** The same as npyjs writes it. */
export function npyjsRows(values: readonly (readonly number[])[]): Uint8Array {
  return new Uint8Array(dump(Float64Array.from(values.flat()), [values.length, values[0]?.length ?? 0]));
}

/** A zip archive of these files, stored or deflated. */
export function zip(files: Readonly<Record<string, Uint8Array>>, deflate = false): ArrayBuffer {
  const parts: Uint8Array[] = [];
  const directory: Uint8Array[] = [];
  let at = 0;
  for (const [name, data] of Object.entries(files)) {
    const packed = deflate ? new Uint8Array(deflateRawSync(data)) : data;
    const text = new TextEncoder().encode(name);
    const common = [...two(20), ...two(0), ...two(deflate ? 8 : 0), ...four(0), ...four(crc(data)), ...four(packed.length), ...four(data.length), ...two(text.length)];
    const local = Uint8Array.from([...four(0x04034b50), ...common, ...two(4), ...text, 0, 0, 0, 0]);
    directory.push(Uint8Array.from([...four(0x02014b50), ...two(20), ...common, ...two(0), ...two(0), ...two(0), ...two(0), ...four(0), ...four(at), ...text]));
    parts.push(local, packed);
    at += local.length + packed.length;
  }
  const size = directory.reduce((sum, entry) => sum + entry.length, 0);
  const count = directory.length;
  const end = Uint8Array.from([...four(0x06054b50), ...two(0), ...two(0), ...two(count), ...two(count), ...four(size), ...four(at), ...two(0)]);
  return Uint8Array.from([...parts, ...directory, end].flatMap((part) => [...part])).buffer;
}

const two = (n: number): number[] => [n & 255, (n >> 8) & 255];
const four = (n: number): number[] => [...two(n & 0xffff), ...two(n >>> 16)];

function crc(data: Uint8Array): number {
  let value = 0xffffffff;
  for (const byte of data) {
    value ^= byte;
    for (let k = 0; k < 8; k++) value = value & 1 ? 0xedb88320 ^ (value >>> 1) : value >>> 1;
  }
  return ~value >>> 0;
}
