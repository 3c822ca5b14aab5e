import { UserError } from '../base/errors.ts';
import type { Axis, Port } from './graph.ts';
import { quoted } from './graph.ts';
import { PROBE_BATCH } from './limits.ts';
import type { InputShapes, Preflight } from './preflight.ts';
import { embeddingOutputs } from './preflight.ts';

/** How a feature is made by an encoder: what a session stores. */
export interface EncoderSpec {
  readonly file: string;
  /** The output that is the embedding. */
  readonly output: string;
  /** One for every input of the encoder. */
  readonly inputs: readonly { readonly input: string; readonly key: string }[];
}

/** What a mapping needs to know of a dataset's feature. */
export interface KeyShape {
  /** Of one frame's value, without the frame axis. */
  readonly shape: readonly number[];
}

/** How many rows a run takes: any number, groups of exactly `size`, or none, because there is no axis for them. */
export type Batch = { readonly kind: 'any' } | { readonly kind: 'fixed'; readonly size: number } | { readonly kind: 'none'; readonly why: string };

/** The rows that one run of an encoder takes, from the first axes of its inputs. `why` is a sentence. */
export function batchOf(inputs: ReadonlyMap<string, Port>, file: string): Batch {
  let size: number | null = null;
  for (const [name, { shape }] of inputs) {
    if (!shape) continue;
    const [first] = shape;
    if (first === undefined || first === 0) return { kind: 'none', why: `${file} takes no frames at its input ${quoted(name)}: ${first === 0 ? 'its first axis has size 0' : 'it has no axes'}. Export the encoder with a dynamic first axis.` };
    if (typeof first !== 'number') continue;
    if (size !== null && size !== first) return { kind: 'none', why: `${file} takes ${size} rows at one input and ${first} at ${quoted(name)}; export the encoder with a dynamic first axis.` };
    size = first;
  }
  return size === null ? { kind: 'any' } : { kind: 'fixed', size };
}

/** Rows of one run when there are `rows` of them. @throws UserError when the encoder takes none */
export function groupSize(batch: Batch, rows: number): number {
  if (batch.kind === 'none') throw new UserError('encoder-batch', batch.why);
  return batch.kind === 'any' ? rows : batch.size;
}

/** What a fixed batch axis costs, as a warning; null for a dynamic one. */
export function batchWarning(batch: Batch, file: string): string | null {
  if (batch.kind !== 'fixed') return null;
  const how = batch.size === 1 ? 'it runs row by row' : `it runs in groups of ${batch.size}`;
  return `${file} was exported for ${batch.size === 1 ? 'one row' : `${batch.size} rows`} at a time: ${how}, which is slow. Export it with a dynamic first axis.`;
}

/** An embedding's dims (B, …) as a matrix. @throws UserError when there is no batch axis or it has not `rows` rows */
export function flatten(dims: readonly number[], rows: number, output: string, file: string): { readonly rows: number; readonly width: number } {
  const [first, ...rest] = dims;
  if (first !== rows) throw new UserError('encoder-batch', `${file} gives ${quoted(output)} of shape (${dims.join(', ')}) for ${rows} rows; its first axis must be the frames.`);
  return { rows, width: rest.reduce((product, size) => product * size, 1) };
}

/**
 * Shape of an input for `rows` frames of a dataset key. A feature whose values are as many but in another shape is
 * taken as it lies in memory: (6) and (1, 6), (9) and (3, 3).
 *
 * @throws UserError when the sizes cannot be brought together
 */
export function inputDims(input: string, { shape }: Port, key: string, feature: KeyShape, rows: number, file: string): number[] {
  const axes: readonly Axis[] = shape ? shape.slice(1) : [...feature.shape];
  const fixed = axes.reduce<number>((product, axis) => product * (typeof axis === 'number' ? axis : 1), 1);
  const width = feature.shape.reduce((product, size) => product * size, 1);
  const open = axes.filter((axis) => typeof axis !== 'number').length;
  const sameRank = axes.length === feature.shape.length && axes.every((axis, k) => typeof axis !== 'number' || axis === feature.shape[k]);
  if (sameRank) return [rows, ...feature.shape];
  if (open === 0 && fixed === width) return [rows, ...(axes as readonly number[])];
  if (open === 1 && width % fixed === 0) return [rows, ...axes.map((axis) => (typeof axis === 'number' ? axis : width / fixed))];
  throw new UserError('encoder-shape', `${file} wants ${shownShape(axes)} a frame at its input ${quoted(input)}, and “${key}” has ${shownShape(feature.shape)}; map another key to it.`);
}

/**
 * Values of an input for some frames of a dataset key, as `EncoderSession` takes them.
 *
 * @param values of the whole key, frames × Π shape, row-major
 * @param rows frames by their row in `values`
 * @throws UserError as `inputDims`
 */
export function feedOf(input: string, port: Port, key: string, feature: KeyShape & { readonly values: ArrayLike<number> }, rows: ArrayLike<number>, file: string): { readonly dims: readonly number[]; readonly values: Float64Array } {
  const dims = inputDims(input, port, key, feature, rows.length, file);
  const width = feature.shape.reduce((product, size) => product * size, 1);
  const values = new Float64Array(rows.length * width);
  for (let row = 0; row < rows.length; row++) for (let k = 0; k < width; k++) values[row * width + k] = feature.values[rows[row]! * width + k]!;
  return { dims, values };
}

/**
 * A first mapping for a person to correct: inputs by equal name, else by the name's last part, else by the only key
 * of the right size that is left. Inputs without a match are left out.
 */
export function suggestSpec(encoder: Preflight, features: ReadonlyMap<string, KeyShape>): EncoderSpec {
  const taken = new Set<string>();
  const inputs: { input: string; key: string }[] = [];
  const fits = (input: string, key: string): boolean => {
    try {
      inputDims(input, encoder.inputs.get(input)!, key, features.get(key)!, 1, encoder.file);
      return true;
    } catch {
      return false;
    }
  };
  const tail = (name: string): string => name.split(/[./]/).at(-1)!.toLowerCase();
  const ways: ((input: string, keys: readonly string[]) => string | undefined)[] = [
    (input, keys) => keys.find((key) => key === input),
    (input, keys) => keys.find((key) => tail(key) === tail(input)),
    (_, keys) => (keys.length === 1 ? keys[0] : undefined),
  ];
  for (const way of ways) {
    for (const input of encoder.inputs.keys()) {
      if (inputs.some((mapped) => mapped.input === input)) continue;
      const key = way(input, [...features.keys()].filter((candidate) => !taken.has(candidate) && fits(input, candidate)));
      if (key === undefined) continue;
      taken.add(key);
      inputs.push({ input, key });
    }
  }
  const outputs = embeddingOutputs(encoder);
  return { file: encoder.file, output: outputs.find((name) => name === 'embedding') ?? outputs[0]!, inputs };
}

/** @throws UserError when a stored or edited mapping does not fit the encoder and the dataset, naming what is wrong */
export function checkSpec(spec: EncoderSpec, encoder: Preflight, features: ReadonlyMap<string, KeyShape>): void {
  const floats = embeddingOutputs(encoder);
  if (!floats.includes(spec.output)) throw new UserError('encoder-output', `${encoder.file} has no floating-point output ${quoted(spec.output)}; choose one of ${floats.map(quoted).join(', ')}.`);
  groupSize(batchOf(encoder.inputs, encoder.file), 1);
  const mapped = new Map(spec.inputs.map(({ input, key }) => [input, key]));
  for (const input of mapped.keys()) {
    if (!encoder.inputs.has(input)) throw new UserError('encoder-input', `${encoder.file} has no input ${quoted(input)}; it takes ${[...encoder.inputs.keys()].map(quoted).join(', ')}.`);
  }
  for (const [input, port] of encoder.inputs) {
    const key = mapped.get(input);
    if (key === undefined) throw new UserError('encoder-input', `${encoder.file} has the input ${quoted(input)}, to which no key of the dataset is mapped; choose one.`);
    const feature = features.get(key);
    if (!feature) throw new UserError('encoder-key', `The key ${quoted(key)}, mapped to ${quoted(input)} of ${encoder.file}, is not in the dataset; choose another.`);
    inputDims(input, port, key, feature, 1, encoder.file);
  }
}

/**
 * Shapes for a trial run: fixed axes stay, an open first axis is `PROBE_BATCH`, every other open axis needs an entry
 * in `given`, which names the input's whole shape.
 *
 * @throws UserError naming input and axis
 */
export function trialShapes({ inputs, file }: Pick<Preflight, 'inputs' | 'file'>, given: InputShapes): Map<string, number[]> {
  for (const name of given.keys()) {
    if (!inputs.has(name)) throw new UserError('usage', `--shape names ${quoted(name)}, which is no input of ${file}; its inputs are ${[...inputs.keys()].map(quoted).join(', ')}.`);
  }
  return new Map([...inputs].map(([name, { shape }]) => [name, trialShape(name, shape, given.get(name), file)]));
}

function trialShape(name: string, shape: readonly Axis[] | null, given: readonly number[] | undefined, file: string): number[] {
  if (!shape) {
    if (given) return [...given];
    throw new UserError('encoder-shape', `The input ${quoted(name)} of ${file} leaves its number of axes open; give its shape with --shape ${name}=2,….`);
  }
  if (given && given.length !== shape.length) throw new UserError('usage', `--shape gives ${given.length} axes for the input ${quoted(name)} of ${file}, which has ${shape.length}: ${shownShape(shape)}.`);
  return shape.map((axis, k) => {
    const size = given?.[k];
    if (typeof axis === 'number') {
      if (size === undefined || size === axis) return axis;
      throw new UserError('usage', `--shape gives ${size} for axis ${k} of the input ${quoted(name)} of ${file}, which is fixed at ${axis}.`);
    }
    if (size !== undefined) return size;
    if (k === 0) return PROBE_BATCH;
    throw new UserError('encoder-shape', `Axis ${k}${axis === null ? '' : ` (${quoted(axis)})`} of the input ${quoted(name)} of ${file} has no fixed size; give the input's shape with --shape ${name}=${shape.map((other, n) => (typeof other === 'number' ? other : n === 0 ? PROBE_BATCH : '…')).join(',')}.`);
  });
}

function shownShape(axes: readonly Axis[]): string {
  return axes.length === 0 ? 'one number' : axes.map((axis) => axis ?? '?').join(' × ');
}
