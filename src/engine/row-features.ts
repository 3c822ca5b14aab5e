import { UserError } from '../base/errors.ts';
import { quote } from '../base/words.ts';
import { toNumbers } from '../encoders/dtypes.ts';
import type { OrtOptions } from '../encoders/ort.ts';
import { EncoderSession, type EncoderFile, type Feed, type Result } from '../encoders/session.ts';
import type { Side } from './protocol.ts';

/** Bytes of frozen features that are kept for one side; beyond, they are computed again whenever a row is drawn. */
const KEPT_BYTES = 256 * 2 ** 20;

/** Rows of one run of the frozen part: a run of a thousand pictures would fill the memory. */
const RUN_ROWS = 64;

/** Largest difference, over the largest value, between a row computed alone and beside another one. */
const ALONE_TOLERANCE = 1e-4;

/** What an encoder is fed for rows of a side, by input. */
export type RowFeeds = (side: Side, rows: ArrayLike<number>) => ReadonlyMap<string, Feed>;

/** What there is of a side: frames, and one of those that are trained on. */
export type Extents = Readonly<Record<Side, { readonly frames: number; readonly first: number }>>;

/** Values of the tensors that a trained graph takes, rows first. */
export interface GraphInputs {
  /** Shape of one row, by tensor. */
  readonly shapes: ReadonlyMap<string, readonly number[]>;
  readonly rows: (side: Side, rows: Int32Array) => Promise<ReadonlyMap<string, Float32Array>>;
  /** The same for values that are no rows of a dataset. */
  readonly of: (feeds: ReadonlyMap<string, Feed>, count: number) => Promise<ReadonlyMap<string, Float32Array>>;
  readonly dispose: () => Promise<void>;
}

/** The inputs themselves: nothing before them is frozen. @throws UserError `width-mismatch`, and what `feeds` throws */
export function plainInputs(feeds: RowFeeds, extents: Extents, file: string): GraphInputs {
  const flat = (given: ReadonlyMap<string, Feed>): ReadonlyMap<string, Float32Array> => new Map([...given].map(([name, { values }]) => [name, Float32Array.from(values)]));
  const { source } = firstRows(feeds, extents, file);
  const shapes = new Map([...source].map(([name, { dims }]) => [name, dims.slice(1)]));
  return {
    shapes,
    rows: (side, rows) => Promise.resolve(rows.length === 0 ? noRows(shapes) : flat(feeds(side, rows))),
    of: (given) => Promise.resolve(flat(given)),
    dispose: () => Promise.resolve(),
  };
}

/** Frozen features of frames, by side and tensor, and which frames have theirs. Trainers of one encoder, one frozen part and the same data may share it. */
export interface KeptFeatures {
  readonly values: Readonly<Record<Side, Map<string, Float32Array>>>;
  readonly known: Record<Side, Uint8Array>;
}

export const noFeatures = (): KeptFeatures => ({ values: { source: new Map(), target: new Map() }, known: { source: new Uint8Array(0), target: new Uint8Array(0) } });

/**
 * The frozen part's results, computed once for each frame that is drawn.
 * @param kept features that are there already; more are put in
 * @returns null where they are not float32 with rows first, or a row's hang on the rows beside it: then the encoder has to
 * be run whole
 * @throws UserError `width-mismatch`, and as `EncoderSession`
 */
export async function frozenInputs(prefix: EncoderFile, cuts: readonly string[], feeds: RowFeeds, extents: Extents, options: OrtOptions, kept: KeptFeatures = noFeatures()): Promise<GraphInputs | null> {
  const firsts = firstRows(feeds, extents, prefix.preflight.file);
  const session = await EncoderSession.create(prefix, { name: 'wasm' }, options);
  try {
    const shapes = await rowShapes(session, cuts, firsts);
    if (shapes) return keptFeatures(session, cuts, feeds, extents, shapes, kept);
  } catch (error) {
    await session.dispose();
    throw error;
  }
  await session.dispose();
  return null;
}

function keptFeatures(session: EncoderSession, cuts: readonly string[], feeds: RowFeeds, extents: Extents, shapes: GraphInputs['shapes'], { values: kept, known }: KeptFeatures): GraphInputs {
  const widths = new Map([...shapes].map(([name, dims]) => [name, sizeOf(dims)]));
  const all = [...widths.values()].reduce((sum, width) => sum + width, 0);
  const keeps = (side: Side): boolean => 4 * all * extents[side].frames <= KEPT_BYTES;
  for (const side of ['source', 'target'] as const) if (keeps(side) && known[side].length !== extents[side].frames) known[side] = new Uint8Array(extents[side].frames);
  const computed = async (given: ReadonlyMap<string, Feed>, count: number): Promise<ReadonlyMap<string, Float32Array>> => new Map([...(await run(session, cuts, given, count))].map(([name, { data }]) => [name, data]));
  return {
    shapes,
    of: computed,
    rows: async (side, rows) => {
      if (rows.length === 0) return noRows(shapes);
      if (!keeps(side)) return computed(feeds(side, rows), rows.length);
      const missing = [...new Set(rows)].filter((row) => known[side][row] === 0);
      if (missing.length > 0) {
        for (const [name, values] of await computed(feeds(side, missing), missing.length)) {
          const bad = values.findIndex((value) => !Number.isFinite(value));
          if (bad >= 0) throw new UserError('encoder-non-finite', `The frozen part of ${session.file} gives ${values[bad]} in ${quote(name)} for a ${side} frame; check the range of its inputs and its weights.`, { file: session.file });
          const width = widths.get(name)!;
          const store = kept[side].get(name) ?? new Float32Array(width * extents[side].frames);
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

/** One row of each side. @throws UserError `width-mismatch` where they have different shapes: one batch holds both */
function firstRows(feeds: RowFeeds, { source, target }: Extents, file: string): Readonly<Record<Side, ReadonlyMap<string, Feed>>> {
  const first = { source: feeds('source', [source.first]), target: feeds('target', [target.first]) };
  for (const [name, { dims }] of first.source) {
    const other = first.target.get(name)!.dims;
    if (String(dims) !== String(other)) throw new UserError('width-mismatch', `${file} is fed (${dims.slice(1).join(', ')}) of a source frame and (${other.slice(1).join(', ')}) of a target frame at its input ${quote(name)}, and one batch holds both; feed it columns of one shape.`, { file });
  }
  return first;
}

/** Shapes of one row of each cut; null where the cuts are of no use. */
async function rowShapes(session: EncoderSession, cuts: readonly string[], { source, target }: Readonly<Record<Side, ReadonlyMap<string, Feed>>>): Promise<GraphInputs['shapes'] | null> {
  const both = new Map([...source].map(([name, { dims, values }]) => [name, { dims: [2, ...dims.slice(1)], values: [...Array.from(values), ...Array.from(target.get(name)!.values)] }]));
  const together = await run(session, cuts, both, 2);
  if ([...together.values()].some(({ dims, dtype }) => dims[0] !== 2 || dtype !== 'float32')) return null;
  for (const [place, alone] of [await run(session, cuts, source, 1), await run(session, cuts, target, 1)].entries())
    for (const [name, { data }] of alone) {
      const beside = together.get(name)!.data.subarray(place * data.length, (place + 1) * data.length);
      const top = data.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
      if (data.some((value, k) => Math.abs(value - beside[k]!) > ALONE_TOLERANCE * top)) return null;
    }
  return new Map([...together].map(([name, { dims }]) => [name, dims.slice(1)]));
}

interface Computed {
  readonly dtype: Result['dtype'];
  /** Rows first; −1 where the first axis is something else. */
  readonly dims: readonly number[];
  readonly data: Float32Array;
}

/** The cuts for some rows, in as many runs as needed. */
async function run(session: EncoderSession, cuts: readonly string[], given: ReadonlyMap<string, Feed>, count: number): Promise<Map<string, Computed>> {
  const { batch } = session;
  const whole = new Map<string, Computed>();
  const step = batch.kind === 'fixed' ? batch.size : RUN_ROWS;
  for (let start = 0; start < count; start += step) {
    const size = batch.kind === 'fixed' ? step : Math.min(step, count - start);
    for (const [name, { dtype, dims, data }] of await session.run(new Map([...given].map(([input, feed]) => [input, slice(feed, start, size, count)])), cuts)) {
      if (dims[0] !== size) {
        whole.set(name, { dtype, dims: [-1], data: new Float32Array(0) });
        continue;
      }
      const values = toNumbers(dtype, data);
      const width = values.length / size;
      const held = whole.get(name) ?? { dtype, dims: [count, ...dims.slice(1)], data: new Float32Array(width * count) };
      whole.set(name, held);
      held.data.set(values.subarray(0, Math.min(size, count - start) * width), start * width);
    }
  }
  return whole;
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

const sizeOf = (dims: readonly number[]): number => dims.reduce((product, size) => product * size, 1);
const noRows = (shapes: GraphInputs['shapes']): ReadonlyMap<string, Float32Array> => new Map([...shapes.keys()].map((name) => [name, new Float32Array(0)]));
