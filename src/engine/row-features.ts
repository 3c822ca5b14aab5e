import { UserError } from '../base/errors.ts';
import { quote } from '../base/words.ts';
import { toNumbers } from '../encoders/dtypes.ts';
import type { OrtOptions } from '../encoders/ort.ts';
import { EncoderSession, type EncoderFile, type Feed, type Result } from '../encoders/session.ts';
import type { Side } from './protocol.ts';

/** Bytes of frozen features that are kept for one side; beyond, they are computed again whenever a row is drawn. */
const KEPT_BYTES = 256 * 2 ** 20;

/** What an encoder is fed for rows of a side, by input. */
export type RowFeeds = (side: Side, rows: ArrayLike<number>) => ReadonlyMap<string, Feed>;

/** Values of the tensors that a trained graph takes, rows first. */
export interface GraphInputs {
  /** Shape of one row, by tensor. */
  readonly shapes: ReadonlyMap<string, readonly number[]>;
  readonly rows: (side: Side, rows: Int32Array) => Promise<ReadonlyMap<string, Float32Array>>;
  /** The same for values that are no rows of a dataset. */
  readonly of: (feeds: ReadonlyMap<string, Feed>, count: number) => Promise<ReadonlyMap<string, Float32Array>>;
  readonly dispose: () => Promise<void>;
}

/** The inputs themselves: nothing before them is frozen. */
export function plainInputs(feeds: RowFeeds): GraphInputs {
  const flat = (given: ReadonlyMap<string, Feed>): ReadonlyMap<string, Float32Array> => new Map([...given].map(([name, { values }]) => [name, Float32Array.from(values)]));
  const [first] = [feeds('source', [0])];
  return {
    shapes: new Map([...first].map(([name, { dims }]) => [name, dims.slice(1)])),
    rows: (side, rows) => Promise.resolve(flat(feeds(side, rows))),
    of: (given) => Promise.resolve(flat(given)),
    dispose: () => Promise.resolve(),
  };
}

/**
 * The frozen part's results, computed once for each frame that is drawn.
 * @returns null where they are not float32 with rows first, so that the encoder has to be run whole
 * @throws UserError as `EncoderSession`
 */
export async function frozenInputs(prefix: EncoderFile, cuts: readonly string[], feeds: RowFeeds, frames: Readonly<Record<Side, number>>, options: OrtOptions): Promise<GraphInputs | null> {
  const session = await EncoderSession.create(prefix, { name: 'wasm' }, options);
  const run = async (given: ReadonlyMap<string, Feed>, count: number): Promise<Map<string, Result>> => {
    const size = session.batch.kind === 'fixed' ? session.batch.size : count;
    const whole = new Map<string, { dims: readonly number[]; dtype: Result['dtype']; data: Float32Array<ArrayBuffer> }>();
    for (let start = 0; start < count; start += size) {
      for (const [name, { dtype, dims, data }] of await session.run(new Map([...given].map(([input, feed]) => [input, slice(feed, start, size, count)])), cuts)) {
        const values = toNumbers(dtype, data);
        const width = values.length / size;
        const held = whole.get(name) ?? { dims: [dims[0] === size ? count : -1, ...dims.slice(1)], dtype, data: new Float32Array(width * count) };
        whole.set(name, held);
        held.data.set(values.subarray(0, Math.min(size, count - start) * width), start * width);
      }
    }
    return whole;
  };
  const probe = await run(feeds('source', [0, 0]), 2);
  if ([...probe.values()].some(({ dims, dtype }) => dims[0] !== 2 || dtype !== 'float32')) {
    await session.dispose();
    return null;
  }
  const shapes = new Map([...probe].map(([name, { dims }]) => [name, dims.slice(1)]));
  const widths = new Map([...shapes].map(([name, dims]) => [name, dims.reduce((product, size) => product * size, 1)]));
  const all = [...widths.values()].reduce((sum, width) => sum + width, 0);
  const keeps = (side: Side): boolean => 4 * all * frames[side] <= KEPT_BYTES;
  const kept = { source: new Map<string, Float32Array>(), target: new Map<string, Float32Array>() };
  const known = { source: new Uint8Array(keeps('source') ? frames.source : 0), target: new Uint8Array(keeps('target') ? frames.target : 0) };
  const computed = async (given: ReadonlyMap<string, Feed>, count: number): Promise<ReadonlyMap<string, Float32Array>> => new Map([...(await run(given, count))].map(([name, { data }]) => [name, data as Float32Array]));
  return {
    shapes,
    of: computed,
    rows: async (side, rows) => {
      if (!keeps(side)) return computed(feeds(side, rows), rows.length);
      const missing = [...new Set(rows)].filter((row) => known[side][row] === 0);
      if (missing.length > 0) {
        for (const [name, values] of await computed(feeds(side, missing), missing.length)) {
          const bad = values.findIndex((value) => !Number.isFinite(value));
          if (bad >= 0) throw new UserError('encoder-non-finite', `The frozen part of ${session.file} gives ${values[bad]} in ${quote(name)} for a ${side} frame; check the range of its inputs and its weights.`, { file: session.file });
          const width = widths.get(name)!;
          const store = kept[side].get(name) ?? new Float32Array(width * frames[side]);
          kept[side].set(name, store);
          for (const [k, row] of missing.entries()) store.set(values.subarray(k * width, (k + 1) * width), row * width);
        }
        for (const row of missing) known[side][row] = 1;
      }
      return new Map([...widths].map(([name, width]) => {
        const values = new Float32Array(rows.length * width);
        const store = kept[side].get(name)!;
        rows.forEach((row, k) => values.set(store.subarray(row * width, (row + 1) * width), k * width));
        return [name, values];
      }));
    },
    dispose: () => session.dispose(),
  };
}

/** Rows `start` to `start + size`; beyond the last one it is repeated. */
function slice({ dims, values }: Feed, start: number, size: number, count: number): Feed {
  const width = values.length / count;
  const part = new Float64Array(size * width);
  for (let k = 0; k < size; k++) {
    const row = Math.min(start + k, count - 1);
    for (let d = 0; d < width; d++) part[k * width + d] = values[row * width + d]!;
  }
  return { dims: [size, ...dims.slice(1)], values: part };
}
