import { parquetRead } from 'hyparquet';
import type { DecodedArray, SchemaElement } from 'hyparquet';
import { damaged } from '../damaged.ts';
import { quote } from '../words.ts';
import { loadCodec } from './codecs.ts';
import { checkPages } from './pages.ts';
import { isList } from './schema.ts';
import type { Chunk, Column, Table } from './table.ts';

/** A run of decoded rows: numbers, bigints, booleans or null, or (nested) arrays of them. */
export type Values = DecodedArray;

/**
 * Decode one row group of one column. The caller takes it group by group, so that at most one group exists as
 * JavaScript arrays and a cancelled read stops soon.
 */
export async function decodeChunk(table: Table, file: ArrayBuffer, column: Column, chunk: Chunk): Promise<Values[]> {
  const decompress = await loadCodec(table.path, chunk.codec);
  checkPages(table.path, file, column, chunk, decompress);
  const runs: Values[] = [];
  try {
    await parquetRead({
      file: { byteLength: file.byteLength, slice: (start, end) => file.slice(start, end) },
      metadata: {
        version: 2,
        schema: [{ name: 'root', num_children: 1, repetition_type: 'REQUIRED' }, ...anonymous(column.branch)],
        num_rows: BigInt(chunk.rows),
        row_groups: [
          {
            columns: [{ file_offset: 0n, meta_data: { ...chunk.meta, path_in_schema: column.branch.map((_, k) => `c${k}`) } }],
            total_byte_size: chunk.meta.total_uncompressed_size,
            num_rows: BigInt(chunk.rows),
          },
        ],
        metadata_length: 0,
      },
      // Byte arrays stay bytes: as text, image bytes would be destroyed.
      utf8: false,
      geoparquet: false,
      compressors: { [chunk.codec]: decompress },
      // Only collects: an exception in here would be an unhandled rejection inside the library.
      onChunk: ({ columnData }) => runs.push(columnData),
    });
  } catch (cause) {
    throw damaged(table.path, `cannot be decoded: column ${quote(column.name)} is damaged`, cause);
  }
  const rows = runs.reduce((sum, run) => sum + run.length, 0);
  if (rows !== chunk.rows) {
    throw damaged(table.path, `cannot be decoded: column ${quote(column.name)} holds ${rows} rows where ${chunk.rows} are declared`);
  }
  return runs;
}

/**
 * The branch under names of our own. The library looks columns up by name and builds objects from names, so that a
 * repeated name would read the wrong data and a name like `__proto__` would do harm. The list mark is set in the one
 * form the library knows.
 */
function anonymous(branch: readonly SchemaElement[]): SchemaElement[] {
  return branch.map((element, k) => ({
    ...element,
    name: `c${k}`,
    ...(k < branch.length - 1 && { num_children: 1 }),
    ...(isList(element) && { converted_type: 'LIST' as const }),
  }));
}
