import { UserError } from '../../base/errors.ts';
import { isRecord } from '../json.ts';
import { MAX_TABLE_BYTES } from '../limits.ts';
import { decodeChunk } from '../parquet/decode.ts';
import type { Table } from '../parquet/table.ts';
import { openTable } from '../parquet/table.ts';
import { checkCancelled } from '../progress.ts';
import type { InputFile, ReadOptions } from '../types.ts';
import { quote } from '../words.ts';
import { readText } from './info.ts';

/** Lengths that the meta folder claims for its episodes, by episode index; null when it has no episode list. */
export type EpisodeClaims = ReadonlyMap<number, number> | null;

/**
 * Read the list of episodes: `meta/episodes.jsonl` (v2) or the tables under `meta/episodes` (v3). What cannot be read
 * becomes a warning: the list is only ever compared with the frames, never needed to find them.
 */
export async function readEpisodeClaims(files: ReadonlyMap<string, InputFile>, options: ReadOptions, warnings: string[]): Promise<EpisodeClaims> {
  const lines = files.get('meta/episodes.jsonl') ?? files.get('episodes.jsonl');
  if (lines) return readLines(lines, warnings);
  const tables = [...files.values()].filter((file) => file.path.startsWith('meta/episodes/') && file.path.endsWith('.parquet'));
  if (tables.length === 0) return null;
  const lengths = new Map<number, number>();
  for (const file of tables.toSorted((a, b) => (a.path < b.path ? -1 : 1))) {
    checkCancelled(options);
    try {
      await readTable(file, lengths);
    } catch (error) {
      if (!(error instanceof UserError) || error.code === 'file-changed') throw error;
      warnings.push(`${quote(file.path)} cannot be read, so the list of episodes was not checked.`);
      return null;
    }
  }
  return lengths;
}

async function readLines(file: InputFile, warnings: string[]): Promise<EpisodeClaims> {
  const text = await readText(file, warnings);
  if (text === null) return null;
  const lengths = new Map<number, number>();
  let bad = 0;
  for (const line of text.split('\n')) {
    if (line.trim() === '') continue;
    const record = parseLine(line);
    if (record) lengths.set(record.index, record.length);
    else bad++;
  }
  if (bad > 0) warnings.push(`${quote(file.path)} has ${bad} lines without an episode_index and a length; they were ignored.`);
  return lengths;
}

function parseLine(line: string): { index: number; length: number } | null {
  try {
    const json: unknown = JSON.parse(line);
    if (!isRecord(json)) return null;
    const { episode_index: index, length } = json;
    return typeof index === 'number' && typeof length === 'number' ? { index, length } : null;
  } catch {
    return null;
  }
}

async function readTable(file: InputFile, lengths: Map<number, number>): Promise<void> {
  if (file.size > MAX_TABLE_BYTES) throw new UserError('too-large', `${quote(file.path)} is too large.`);
  const table = await openTable(file);
  const data = await file.slice(0, file.size);
  const index = await readIntegers(table, data, 'episode_index');
  const length = await readIntegers(table, data, 'length');
  for (const [row, episode] of index.entries()) lengths.set(episode, length[row] ?? Number.NaN);
}

async function readIntegers(table: Table, data: ArrayBuffer, name: string): Promise<number[]> {
  const column = table.columns.find((candidate) => candidate.name === name && candidate.depth === 0);
  if (!column) throw new UserError('no-column', `${quote(table.path)} has no column ${quote(name)}.`);
  const numbers: number[] = [];
  for (const chunk of column.chunks) {
    for (const run of await decodeChunk(table, data, column, chunk)) for (const value of run) numbers.push(Number(value));
  }
  return numbers;
}
