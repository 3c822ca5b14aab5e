import { digest, fingerprint } from '../../base/digest.ts';
import { UserError } from '../../base/errors.ts';
import { Budget, ColumnBuilder, tooLarge } from '../columns.ts';
import { MAX_DECODED_BYTES, MAX_ROWS, MAX_TABLE_BYTES } from '../limits.ts';
import { decodeChunk } from '../parquet/decode.ts';
import type { Column, Table } from '../parquet/table.ts';
import { openTable } from '../parquet/table.ts';
import { step } from '../progress.ts';
import type { InputFile, ReadOptions } from '../types.ts';
import { bytes, count, list, plural, quote } from '../words.ts';

/** One column over all tables, in the order of the files. */
export interface RawColumn {
  readonly dtype: string;
  /** Null where the values are not numbers. */
  readonly builder: ColumnBuilder | null;
  /** In how many tables it occurs. */
  tables: number;
}

/** All frames of all tables, before they are put in order. */
export interface Frames {
  readonly count: number;
  readonly columns: ReadonlyMap<string, RawColumn>;
  /** The column that orders frames within an episode. */
  readonly orderBy: 'frame_index' | 'index';
  readonly tables: readonly string[];
  readonly fingerprint: string;
}

/** A parquet file that holds frames, as its footer describes it. */
interface FrameTable {
  readonly file: InputFile;
  readonly rows: number;
}

interface FoundTables {
  readonly tables: readonly FrameTable[];
  readonly orderBy: Frames['orderBy'];
}

/** Find the tables that hold frames and read every numeric column of them. */
export async function readFrames(candidates: readonly InputFile[], options: ReadOptions, warnings: string[]): Promise<Frames> {
  const { tables, orderBy } = await findTables(candidates, options, warnings);
  const frames = tables.reduce((sum, table) => sum + table.rows, 0);
  const total = tables.reduce((sum, table) => sum + table.file.size, 0);
  if (frames === 0) {
    throw new UserError(
      'no-frames',
      `The tables hold no frames (${list(tables.map(({ file }) => quote(file.path)))}); choose a dataset with at least one frame.`,
    );
  }
  const columns = new Map<string, RawColumn>();
  const budget = new Budget();
  const digests: ArrayBuffer[] = [];
  let start = 0;
  let done = 0;
  for (const { file, rows } of tables) {
    step(options, { step: 'table', done, total });
    const data = await file.slice(0, file.size);
    digests.push(await digest(data));
    // Opened again from the bytes that are about to be decoded: the file may have changed since its footer was read.
    const table = await openTable({ path: file.path, size: data.byteLength, slice: async (from, to) => data.slice(from, to) });
    if (data.byteLength !== file.size || table.rows !== rows) {
      throw new UserError(
        'file-changed',
        `${quote(file.path)} changed while it was read; choose it again.`,
      );
    }
    const report = (part: number): void => step(options, { step: 'table', done: done + file.size * part, total });
    await readTable(table, data, { columns, frames, start, budget, report });
    start += rows;
    done += file.size;
  }
  step(options, { step: 'table', done: total, total });
  return { count: frames, columns, orderBy, tables: tables.map(({ file }) => file.path), fingerprint: await fingerprint(digests) };
}

async function findTables(candidates: readonly InputFile[], options: ReadOptions, warnings: string[]): Promise<FoundTables> {
  const tables: FrameTable[] = [];
  const others: Table[] = [];
  const repeated = new Set<string>();
  let orderBy: Frames['orderBy'] = 'frame_index';
  let rows = 0;
  let decoded = 0;
  for (const [k, file] of candidates.entries()) {
    step(options, { step: 'meta', done: k, total: candidates.length });
    if (file.size > MAX_TABLE_BYTES) {
      throw new UserError(
        'too-large',
        `${quote(file.path)} is ${bytes(file.size)} long, above the limit of ${bytes(MAX_TABLE_BYTES)} a file; split it into smaller tables.`,
      );
    }
    const table = await openTable(file);
    const scalars = new Set(table.columns.filter((column) => column.depth === 0).map((column) => column.name));
    if (!scalars.has('episode_index') || !(scalars.has('frame_index') || scalars.has('index'))) {
      others.push(table);
      continue;
    }
    if (!scalars.has('frame_index')) orderBy = 'index';
    for (const name of repeatedNames(table)) repeated.add(name);
    tables.push({ file, rows: table.rows });
    rows += table.rows;
    decoded += declaredValues(table) * 8;
    if (rows > MAX_ROWS) {
      throw new UserError(
        'too-large',
        `The tables declare ${count(rows)} frames or more, above the limit of ${count(MAX_ROWS)}; open fewer of them at a time.`,
      );
    }
    if (decoded > MAX_DECODED_BYTES) throw tooLarge();
  }
  const [stray] = others;
  if (tables.length === 0 && stray) throw notFrames(stray);
  if (others.length > 0) {
    warnings.push(
      `${plural(others.length, 'parquet file')} without an episode_index column ${others.length === 1 ? 'is' : 'are'} left out (${list(others.map(({ path }) => quote(path)))}).`,
    );
  }
  if (repeated.size > 0) warnings.push(`Column names occur more than once (${list([...repeated].map(quote))}); the first of each is used.`);
  if (orderBy === 'index') warnings.push('There is no frame_index column; frames are in the order of the index column.');
  return { tables, orderBy };
}

/** The refusal of parquet files that are not frame tables; one stands for all. */
function notFrames(table: Table): UserError {
  const names = table.columns.map((column) => column.name);
  const missing = ['episode_index', 'frame_index'].filter((name) => !names.includes(name));
  const what = missing.length > 0 ? `has no ${missing.join(' and no ')} column` : 'has an episode_index or frame_index column that is not of whole numbers';
  return new UserError(
    'no-frame-table',
    `${quote(table.path)} ${what} (its columns are ${list(names.map(quote), 4)}); a LeRobot frame table has an episode_index and a frame_index for every row.`,
  );
}

interface Target {
  readonly columns: Map<string, RawColumn>;
  readonly frames: number;
  readonly start: number;
  readonly budget: Budget;
  /** Called between chunks with the part of the table that is done; throws when the read is cancelled. */
  readonly report: (part: number) => void;
}

async function readTable(table: Table, data: ArrayBuffer, target: Target): Promise<void> {
  const seen = new Set<string>();
  for (const [k, column] of table.columns.entries()) {
    if (seen.has(column.name)) continue;
    seen.add(column.name);
    const raw = target.columns.get(column.name) ?? addColumn(target, column);
    raw.tables++;
    if (!raw.builder) continue;
    if (column.depth === null) {
      if (table.rows > 0) raw.builder.problem ??= `holds numbers in some tables and ${column.dtype} values in ${quote(table.path)}`;
      continue;
    }
    let start = target.start;
    for (const [c, chunk] of column.chunks.entries()) {
      target.report((k + c / column.chunks.length) / table.columns.length);
      for (const run of await decodeChunk(table, data, column, chunk)) {
        raw.builder.add(start, run);
        start += run.length;
      }
    }
  }
}

function addColumn(target: Target, column: Column): RawColumn {
  const raw = { dtype: column.dtype, builder: column.depth === null ? null : new ColumnBuilder(target.frames, target.budget), tables: 0 };
  target.columns.set(column.name, raw);
  return raw;
}

function repeatedNames({ columns }: Table): string[] {
  return columns.map((column) => column.name).filter((name, k, names) => names.indexOf(name) < k);
}

function declaredValues({ columns }: Table): number {
  return columns.reduce((sum, column) => column.chunks.reduce((values, chunk) => values + chunk.values, sum), 0);
}
