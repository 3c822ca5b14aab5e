import { MAX_DECODED_BYTES } from '../limits.ts';
import { count, quote } from '../words.ts';
import type { ThriftStruct } from './thrift.ts';
import { ThriftReader } from './thrift.ts';
import type { Chunk, Column } from './table.ts';
import { damaged } from './table.ts';

/**
 * Check a column chunk's page headers before anything is decoded. The decoder allocates what each header claims, so a
 * header may claim no more values than the footer does, no more bytes than the chunk has, and pages that unpack to no
 * more than the limit.
 */
export function checkPages(path: string, file: ArrayBuffer, column: Column, chunk: Chunk): void {
  const view = new DataView(file);
  const bad = (what: string): Error => damaged(path, `has a column ${quote(column.name)} whose ${what}`);
  if (column.depth === 0 && chunk.values !== chunk.rows) {
    throw bad(`value count (${count(chunk.values)}) differs from the row count (${count(chunk.rows)})`);
  }
  let values = 0;
  let unpacked = 0;
  let at = chunk.start;
  // One byte of padding at the end is tolerated because the decoder tolerates it.
  while (at < chunk.end - 1) {
    const reader = new ThriftReader(view, at, chunk.end);
    let header: ThriftStruct;
    try {
      header = reader.struct();
    } catch {
      throw bad('page headers are damaged');
    }
    const size = integer(header, fields.unpackedSize);
    const packed = integer(header, fields.packedSize);
    at = reader.offset + packed;
    if (!(size >= 0 && packed >= 0) || at > chunk.end) throw bad('pages are longer than the column');
    unpacked += size;
    if (unpacked > MAX_DECODED_BYTES) throw bad(`pages claim to unpack to more than ${count(MAX_DECODED_BYTES)} bytes`);
    values += pageValues(header, size, chunk, bad);
  }
  if (values !== chunk.values) {
    throw bad(`pages declare ${count(values)} values where the footer declares ${count(chunk.values)}`);
  }
}

/** Field numbers of parquet's PageHeader. */
const fields = { type: 1, unpackedSize: 2, packedSize: 3, data: 5, dictionary: 7, dataV2: 8 } as const;
const pageTypes = { data: 0, dictionary: 2, dataV2: 3 } as const;

/** Values a data page declares; 0 for a dictionary page, whose entries are checked here too. */
function pageValues(header: ThriftStruct, size: number, chunk: Chunk, bad: (what: string) => Error): number {
  switch (integer(header, fields.type)) {
    case pageTypes.data: {
      const values = integer(part(header, fields.data), 1);
      if (!(values >= 0 && values <= chunk.values)) throw bad('pages declare more values than the column has');
      return values;
    }
    case pageTypes.dataV2: {
      const page = part(header, fields.dataV2);
      const values = integer(page, 1);
      const nulls = integer(page, 2);
      const rows = integer(page, 3);
      const definition = integer(page, 5);
      const repetition = integer(page, 6);
      if (!(values >= 0 && values <= chunk.values)) throw bad('pages declare more values than the column has');
      if (!(nulls >= 0 && nulls <= values && rows >= 0 && rows <= values)) throw bad('page headers contradict themselves');
      if (!(definition >= 0 && repetition >= 0 && definition + repetition <= size)) throw bad('page headers contradict themselves');
      return values;
    }
    case pageTypes.dictionary: {
      const entries = integer(part(header, fields.dictionary), 1);
      // Every entry takes at least one bit (booleans) of the unpacked page.
      if (!(entries >= 0 && entries <= size * 8)) throw bad('dictionary is longer than its page');
      return 0;
    }
    default:
      throw bad('pages are of an unknown kind');
  }
}

function integer(struct: ThriftStruct | null, id: number): number {
  const value = struct?.get(id);
  return typeof value === 'number' ? value : Number.NaN;
}

function part(struct: ThriftStruct, id: number): ThriftStruct | null {
  const value = struct.get(id);
  return typeof value === 'object' ? value : null;
}
