import { damaged } from '../damaged.ts';
import { MAX_DECODED_BYTES, MAX_PAGE_VALUES } from '../limits.ts';
import { count, quote } from '../words.ts';
import type { Decompress } from './codecs.ts';
import { checkRuns } from './runs.ts';
import type { Chunk, Column } from './table.ts';
import type { ThriftStruct } from './thrift.ts';
import { ThriftReader } from './thrift.ts';

/** Field numbers and codes of parquet's page headers. */
const fields = { type: 1, unpackedSize: 2, packedSize: 3, data: 5, dictionary: 7, dataV2: 8 } as const;
const dataFields = { values: 1, encoding: 2 } as const;
const dataV2Fields = { values: 1, nulls: 2, rows: 3, encoding: 4, definition: 5, repetition: 6, packed: 7 } as const;
const pageTypes = { data: 0, dictionary: 2, dataV2: 3 } as const;
const encodings = { plainDictionary: 2, runs: 3, dictionary: 8 } as const;

/** One page: its header, its bytes as stored, and what its column says about it. */
interface Page {
  readonly header: ThriftStruct;
  readonly packed: Uint8Array;
  readonly size: number;
  readonly column: Column;
  readonly chunk: Chunk;
  readonly decompress: Decompress;
}

/** A contradiction in a page; what is wrong, as the end of a sentence about the column. */
class PageError extends Error {}

/**
 * Check a column chunk before it is decoded. The decoder allocates what each page header claims and repeats a value as
 * often as each run says, up to aborting the whole process. So a header may claim no more values than the footer does,
 * no more bytes than the chunk has and no more unpacked bytes than the limit; and a run may be no longer than its page.
 */
export function checkPages(path: string, file: ArrayBuffer, column: Column, chunk: Chunk, decompress: Decompress): void {
  try {
    walkPages(file, column, chunk, decompress);
  } catch (error) {
    const what = error instanceof PageError ? error.message : 'pages are damaged';
    throw damaged(path, `has a column ${quote(column.name)} whose ${what}`, error);
  }
}

function walkPages(file: ArrayBuffer, column: Column, chunk: Chunk, decompress: Decompress): void {
  if (column.depth === 0 && chunk.values !== chunk.rows) {
    throw new PageError(`value count (${count(chunk.values)}) differs from the row count (${count(chunk.rows)})`);
  }
  let values = 0;
  let unpacked = 0;
  let at = chunk.start;
  // One byte of padding at the end is tolerated because the decoder tolerates it.
  while (at < chunk.end - 1) {
    const reader = new ThriftReader(new DataView(file), at, chunk.end);
    const header = reader.struct();
    const size = integer(header, fields.unpackedSize);
    const length = integer(header, fields.packedSize);
    at = reader.offset + length;
    if (!(size >= 0 && length >= 0) || at > chunk.end) throw new PageError('pages are longer than the column');
    unpacked += size;
    if (unpacked > MAX_DECODED_BYTES) throw new PageError(`pages claim to unpack to more than ${count(MAX_DECODED_BYTES)} bytes`);
    values += checkPage({ header, packed: new Uint8Array(file, reader.offset, length), size, column, chunk, decompress });
  }
  if (values !== chunk.values) throw new PageError(`pages declare ${count(values)} values where the footer declares ${count(chunk.values)}`);
}

/** Check one page and return how many values it declares. */
function checkPage(page: Page): number {
  switch (integer(page.header, fields.type)) {
    case pageTypes.data:
      return checkDataPage(page, part(page.header, fields.data));
    case pageTypes.dataV2:
      return checkDataPageV2(page, part(page.header, fields.dataV2));
    case pageTypes.dictionary: {
      const entries = integer(part(page.header, fields.dictionary), 1);
      // Every entry takes at least one bit (booleans) of the unpacked page.
      if (!(entries >= 0 && entries <= page.size * 8)) throw new PageError('dictionary is longer than its page');
      return 0;
    }
    default:
      throw new PageError('pages are of an unknown kind');
  }
}

function checkDataPage({ packed, size, column, chunk, decompress }: Page, header: ThriftStruct | null): number {
  const values = checkCount(integer(header, dataFields.values), chunk);
  const bytes = decompress(packed, size);
  const view = viewOf(bytes);
  // Repetition levels, definition levels, values: each kind of level has its length before it.
  let at = 0;
  for (const highest of levels(column)) {
    if (highest === 0) continue;
    const length = view.getUint32(at, true);
    checkRuns(view, at + 4, bitWidth(highest), values);
    at += 4 + length;
  }
  checkValueRuns(view, at, integer(header, dataFields.encoding), values, chunk.meta.type === 'BOOLEAN');
  return values;
}

function checkDataPageV2({ packed, size, column, chunk, decompress }: Page, header: ThriftStruct | null): number {
  const values = checkCount(integer(header, dataV2Fields.values), chunk);
  const nulls = integer(header, dataV2Fields.nulls);
  const rows = integer(header, dataV2Fields.rows);
  const lengths = [integer(header, dataV2Fields.repetition), integer(header, dataV2Fields.definition)] as const;
  const sound = nulls >= 0 && nulls <= values && rows >= 0 && rows <= values && lengths[0] >= 0 && lengths[1] >= 0;
  const start = lengths[0] + lengths[1];
  if (!sound || start > size || start > packed.length) throw new PageError('page headers contradict themselves');
  const view = viewOf(packed);
  const [repetition, definition] = levels(column);
  if (repetition > 0) checkRuns(view, 0, bitWidth(repetition), values);
  if (definition > 0) checkRuns(view, lengths[0], bitWidth(definition), values);
  const stored = packed.subarray(start);
  const isPacked = header?.get(dataV2Fields.packed) !== 0;
  const encoding = integer(header, dataV2Fields.encoding);
  checkValueRuns(viewOf(isPacked ? decompress(stored, size - start) : stored), 0, encoding, values, encoding === encodings.runs);
  return values;
}

/**
 * Dictionary positions and booleans are stored as runs too: behind a byte with their width, or, where they are single
 * bits, behind four bytes with their length. `bits` follows the decoder in telling these apart.
 */
function checkValueRuns(view: DataView, at: number, encoding: number, values: number, bits: boolean): void {
  const coded = encoding === encodings.plainDictionary || encoding === encodings.dictionary || encoding === encodings.runs;
  if (!coded || at >= view.byteLength) return;
  if (bits) checkRuns(view, at + 4, 1, values);
  else checkRuns(view, at + 1, view.getUint8(at), values);
}

function checkCount(values: number, chunk: Chunk): number {
  if (!(values >= 0 && values <= chunk.values)) throw new PageError('pages declare more values than the column has');
  if (values > MAX_PAGE_VALUES) throw new PageError(`pages declare more than ${count(MAX_PAGE_VALUES)} values`);
  return values;
}

/** Highest repetition and definition level of a column: how many of its nodes repeat, and how many may be missing. */
function levels({ branch }: Column): readonly [repetition: number, definition: number] {
  const repeated = branch.filter((element) => element.repetition_type === 'REPEATED').length;
  return [repeated, branch.filter((element) => element.repetition_type !== 'REQUIRED').length];
}

function bitWidth(highest: number): number {
  return 32 - Math.clz32(highest);
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function integer(struct: ThriftStruct | null, id: number): number {
  const value = struct?.get(id);
  return typeof value === 'number' ? value : Number.NaN;
}

function part(struct: ThriftStruct, id: number): ThriftStruct | null {
  const value = struct.get(id);
  return typeof value === 'object' ? value : null;
}
