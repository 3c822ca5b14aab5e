import { parquetMetadata, parquetSchema } from 'hyparquet';
import type { ColumnMetaData, CompressionCodec, FileMetaData, SchemaElement, SchemaTree } from 'hyparquet';
import { UserError } from '../../base/errors.ts';
import { damaged } from '../damaged.ts';
import { MAX_FOOTER_BYTES, MAX_ROWS, MAX_ROWS_PER_BYTE, MAX_SCHEMA_NODES } from '../limits.ts';
import type { InputFile } from '../types.ts';
import { bytes, count, quote } from '../words.ts';
import { branch, columnKind, leafCount } from './schema.ts';
import { ThriftReader } from './thrift.ts';

/** One row group's piece of a numeric column. */
export interface Chunk {
  readonly rows: number;
  readonly values: number;
  /** Bytes [start, end) of the file. */
  readonly start: number;
  readonly end: number;
  readonly codec: CompressionCodec;
  readonly meta: ColumnMetaData;
}

/** A top-level column, known by its position: names repeat, and may be anything. */
export interface Column {
  readonly name: string;
  readonly dtype: string;
  /** Lists around one value; null where the values are not numbers, and then there are no chunks. */
  readonly depth: number | null;
  /** Schema from the column down to its leaf. */
  readonly branch: readonly SchemaElement[];
  readonly chunks: readonly Chunk[];
}

/** A parquet file's footer, checked against the file's size. */
export interface Table {
  readonly path: string;
  readonly rows: number;
  readonly columns: readonly Column[];
}

const magic = 0x31524150; // PAR1, little endian
const encryptedMagic = 0x45524150; // PARE
const tailBytes = 64 * 1024;

/** Read and check the footer of a parquet file. Decodes no values. */
export async function openTable(file: InputFile): Promise<Table> {
  if (file.size === 0) throw damaged(file.path, 'is empty (0 bytes)');
  if (file.size < 12) throw damaged(file.path, `is ${file.size} bytes long, too short for a parquet file`);
  let tail = await file.slice(Math.max(0, file.size - tailBytes), file.size);
  const view = new DataView(tail);
  const mark = view.byteLength >= 8 ? view.getUint32(view.byteLength - 4, true) : 0;
  if (mark === encryptedMagic) {
    throw new UserError('encrypted', `${quote(file.path)} is an encrypted parquet file; save it again without encryption.`);
  }
  if (mark !== magic) throw damaged(file.path, 'does not end like a parquet file: it is cut short or not parquet');
  const head = new DataView(await file.slice(0, 4));
  if (head.getUint32(0, true) !== magic) throw damaged(file.path, 'does not begin like a parquet file: it is damaged or not parquet');
  const footer = view.getUint32(view.byteLength - 8, true);
  if (footer > file.size - 12) throw damaged(file.path, 'has a footer longer than the file');
  if (footer > MAX_FOOTER_BYTES) {
    throw new UserError(
      'too-large',
      `${quote(file.path)} has a footer of ${bytes(footer)}, above the limit of ${bytes(MAX_FOOTER_BYTES)}; save it with fewer columns or row groups.`,
    );
  }
  if (footer + 8 > tail.byteLength) tail = await file.slice(file.size - footer - 8, file.size);
  return parseFooter(file, tail, footer);
}

function parseFooter(file: InputFile, tail: ArrayBuffer, footer: number): Table {
  let metadata: FileMetaData;
  let root: SchemaTree;
  try {
    const end = tail.byteLength - 8;
    const walk = new ThriftReader(new DataView(tail), end - footer, end);
    walk.struct();
    if (walk.offset !== end) throw new RangeError('bytes are left over after the footer');
    metadata = parquetMetadata(tail, { geoparquet: false });
    if (metadata.schema.length > MAX_SCHEMA_NODES) throw new RangeError(`${metadata.schema.length} schema nodes`);
    if (metadata.schema.some((element) => typeof element.name !== 'string')) throw new RangeError('schema nodes without names');
    root = parquetSchema(metadata);
  } catch (cause) {
    throw damaged(file.path, 'has a damaged footer', cause);
  }
  const rows = wholeNumber(file, metadata.num_rows, 'row count');
  // Rows first: the limit is what a person can act on, the sums below only say that a file is forged.
  if (rows > MAX_ROWS) {
    throw new UserError(
      'too-large',
      `${quote(file.path)} declares ${count(rows)} rows, above the limit of ${count(MAX_ROWS)}; split the dataset and open a part of it.`,
    );
  }
  if (rows > file.size * MAX_ROWS_PER_BYTE) {
    throw damaged(file.path, `declares ${count(rows)} rows, which cannot fit in its ${bytes(file.size)}`);
  }
  const grouped = metadata.row_groups.reduce((sum, group) => sum + wholeNumber(file, group.num_rows, 'row count'), 0);
  if (grouped !== rows) throw damaged(file.path, `declares ${count(rows)} rows but its row groups hold ${count(grouped)}`);
  const leaves = root.children.reduce((sum, child) => sum + leafCount(child), 0);
  if (metadata.row_groups.some((group) => group.columns.length !== leaves)) {
    throw damaged(file.path, 'has row groups that do not match its schema');
  }
  return { path: file.path, rows, columns: listColumns(file, metadata, root) };
}

function listColumns(file: InputFile, metadata: FileMetaData, root: SchemaTree): Column[] {
  const columns: Column[] = [];
  let leaf = 0;
  for (const node of root.children) {
    const kind = columnKind(node);
    const position = leaf;
    const elements = kind.depth === null ? [] : branch(node);
    // Writers leave any offsets in a row group without rows, so those are not looked at.
    const groups = kind.depth === null ? [] : metadata.row_groups.filter((group) => group.num_rows > 0n);
    const chunks = groups.map((group) => {
      const meta = group.columns[position]?.meta_data;
      if (!meta) throw damaged(file.path, `has no data for column ${quote(node.element.name)}`);
      if (meta.type !== elements.at(-1)?.type) throw damaged(file.path, 'has row groups that do not match its schema');
      return locateChunk(file, meta, Number(group.num_rows), node.element.name);
    });
    columns.push({ name: node.element.name, ...kind, branch: elements, chunks });
    leaf += leafCount(node);
  }
  return columns;
}

function locateChunk(file: InputFile, meta: ColumnMetaData, rows: number, name: string): Chunk {
  const values = wholeNumber(file, meta.num_values, 'value count');
  const data = wholeNumber(file, meta.data_page_offset, 'offset');
  // Some writers leave 0 where there is no dictionary.
  const dictionary = meta.dictionary_page_offset ? wholeNumber(file, meta.dictionary_page_offset, 'offset') : data;
  const start = Math.min(data, dictionary);
  const end = start + wholeNumber(file, meta.total_compressed_size, 'size');
  if (start < 4 || end > file.size) throw damaged(file.path, `places column ${quote(name)} outside the file`);
  return { rows, values, start, end, codec: meta.codec, meta };
}

function wholeNumber(file: InputFile, value: bigint | undefined, what: string): number {
  const number = Number(value);
  if (!Number.isSafeInteger(number) || number < 0) throw damaged(file.path, `declares an impossible ${what} in its footer`);
  return number;
}
