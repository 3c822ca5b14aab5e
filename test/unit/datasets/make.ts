import { brotliCompressSync, gzipSync } from 'node:zlib';
import type { SchemaElement } from 'hyparquet';
import { parquetWriteBuffer } from 'hyparquet-writer';
import type { InputFile } from '../../../src/datasets/types.ts';

/** A column to write: scalars, or lists (of lists) of float32. */
export interface MadeColumn {
  readonly name: string;
  readonly type: 'INT64' | 'INT32' | 'FLOAT' | 'DOUBLE' | 'BOOLEAN' | 'STRING' | 'BYTE_ARRAY' | 'list' | 'list of lists' | 'struct';
  readonly data: readonly unknown[];
}

const list = (name: string, inner: SchemaElement[]): SchemaElement[] => [
  { name, repetition_type: 'OPTIONAL', converted_type: 'LIST', num_children: 1 },
  { name: 'list', repetition_type: 'REPEATED', num_children: 1 },
  ...inner,
];
const float = (name: string): SchemaElement => ({ name, type: 'FLOAT', repetition_type: 'OPTIONAL' });

function schemaOf({ name, type }: MadeColumn): SchemaElement[] {
  if (type === 'list') return list(name, [float('element')]);
  if (type === 'list of lists') return list(name, list('element', [float('element')]));
  if (type === 'STRING') return [{ name, type: 'BYTE_ARRAY', converted_type: 'UTF8', repetition_type: 'OPTIONAL' }];
  if (type !== 'struct') return [{ name, type, repetition_type: 'OPTIONAL' }];
  return [
    { name, repetition_type: 'OPTIONAL', num_children: 2 },
    { name: 'bytes', type: 'BYTE_ARRAY', repetition_type: 'OPTIONAL' },
    { name: 'path', type: 'BYTE_ARRAY', converted_type: 'UTF8', repetition_type: 'OPTIONAL' },
  ];
}

export interface MadeOptions {
  readonly codec?: 'SNAPPY' | 'UNCOMPRESSED' | 'GZIP' | 'BROTLI';
  readonly rowGroupSize?: number;
}

/** The bytes of a parquet file with these columns. */
export function parquet(columns: readonly MadeColumn[], { codec = 'SNAPPY', rowGroupSize = 1000 }: MadeOptions = {}): ArrayBuffer {
  return parquetWriteBuffer({
    schema: [{ name: 'root', num_children: columns.length, repetition_type: 'REQUIRED' }, ...columns.flatMap(schemaOf)],
    columnData: columns.map(({ name, data }) => ({ name, data: [...data] })),
    codec,
    compressors: { GZIP: (bytes) => new Uint8Array(gzipSync(bytes)), BROTLI: (bytes) => new Uint8Array(brotliCompressSync(bytes)) },
    rowGroupSize,
  });
}

/** Columns of a frame table with these episodes: `[[0, 3], [1, 2]]` is episode 0 with 3 frames, then 1 with 2. */
export function frameColumns(episodes: readonly (readonly [index: number, length: number])[]): MadeColumn[] {
  const rows = episodes.flatMap(([index, length]) => Array.from({ length }, (_, frame) => ({ index, frame })));
  return [
    { name: 'observation.state', type: 'list', data: rows.map(({ index, frame }) => [index, frame, index * frame]) },
    { name: 'action', type: 'list', data: rows.map(({ index, frame }) => [index + 0.5, frame + 0.25]) },
    { name: 'timestamp', type: 'FLOAT', data: rows.map(({ frame }) => frame / 10) },
    { name: 'frame_index', type: 'INT64', data: rows.map(({ frame }) => BigInt(frame)) },
    { name: 'episode_index', type: 'INT64', data: rows.map(({ index }) => BigInt(index)) },
    { name: 'next.done', type: 'BOOLEAN', data: rows.map(({ frame }) => frame === 2) },
  ];
}

/** `columns` with the data of one replaced. */
export function withData(columns: readonly MadeColumn[], name: string, data: readonly unknown[]): MadeColumn[] {
  return columns.map((column) => (column.name === name ? { ...column, data } : column));
}

/** A file in memory: bytes, or text. */
export function file(path: string, content: ArrayBuffer | string): InputFile {
  const data = typeof content === 'string' ? new TextEncoder().encode(content).buffer : content;
  return { path, size: data.byteLength, slice: async (start, end) => data.slice(start, end) };
}

/** info.json of a v3.0 dataset that tells the truth about `frameColumns`, but for what `changes` says. */
export function infoFile(changes: Record<string, unknown> = {}, path = 'set/meta/info.json'): InputFile {
  const info = {
    codebase_version: 'v3.0',
    fps: 10,
    data_path: 'data/chunk-{chunk_index:03d}/file-{file_index:03d}.parquet',
    features: {
      action: { dtype: 'float32', shape: [2], names: { motors: ['x', 'y'] } },
      'observation.state': { dtype: 'float32', shape: [3], names: [['a', 'b', 'c']] },
      timestamp: { dtype: 'float32', shape: [1], names: null },
      frame_index: { dtype: 'int64', shape: [1], names: null },
      episode_index: { dtype: 'int64', shape: [1], names: null },
      'next.done': { dtype: 'bool', shape: [1], names: null },
    },
    ...changes,
  };
  return file(path, JSON.stringify(info));
}
