import { UserError } from '../base/errors.ts';
import { MAX_DECODED_BYTES } from './limits.ts';
import type { Values } from './parquet/decode.ts';
import { bytes } from './words.ts';

/** How much float64 a read may still allocate; shared by all columns. */
export class Budget {
  #left = MAX_DECODED_BYTES;

  /** A float64 array of NaN (what an absent value reads as), or the refusal of a dataset that is too large. */
  allocate(length: number): Float64Array<ArrayBuffer> {
    this.#left -= length * 8;
    if (this.#left < 0) throw tooLarge();
    return new Float64Array(length).fill(Number.NaN);
  }
}

/** The refusal of a dataset whose numbers do not fit. */
export function tooLarge(): UserError {
  return new UserError(
    'too-large',
    `The dataset's columns unpack to more than ${bytes(MAX_DECODED_BYTES)} of numbers; open fewer of its table files at a time.`,
  );
}

/**
 * Collects one column over all tables as row-major float64. The first row that is not null fixes the shape; a later
 * row of another shape makes the column unusable, because rows could no longer be told apart.
 */
export class ColumnBuilder {
  readonly #frames: number;
  readonly #budget: Budget;
  shape: readonly number[] | null = null;
  values: Float64Array<ArrayBuffer> | null = null;
  /** Why the column has no values, as the second half of a sentence about it. */
  problem: string | null = null;
  #width = 0;

  constructor(frames: number, budget: Budget) {
    this.#frames = frames;
    this.#budget = budget;
  }

  /** Put the rows of `run` at frame `start`. */
  add(start: number, run: Values): void {
    for (let row = 0; row < run.length && !this.problem; row++) {
      const value: unknown = run[row];
      if (value === null || value === undefined) continue;
      if (!this.shape) this.#fixShape(value);
      if (!this.values) continue;
      const shape = this.shape ?? [];
      const at = (start + row) * this.#width;
      if (typeof value !== 'object') this.values[at] = Number(value);
      else if (!fill(this.values, at, value, shape, 0)) {
        this.problem = `holds rows of different shapes (${shapeName(shape)} and ${shapeName(shapeOf(value))})`;
        this.values = null;
      }
    }
  }

  #fixShape(value: unknown): void {
    const shape = shapeOf(value);
    this.shape = shape.length === 0 ? [1] : shape;
    this.#width = this.shape.reduce((product, n) => product * n, 1);
    if (this.#width === 0) this.problem = 'holds empty lists';
    else this.values = this.#budget.allocate(this.#frames * this.#width);
  }
}

/** `7` or `2×7`, as people write shapes. */
export function shapeName(shape: readonly number[]): string {
  return shape.length === 0 ? '1' : shape.join('×');
}

/** Shape by the first entries; whether all rows and all entries agree is found while filling. */
function shapeOf(value: unknown): number[] {
  const shape: number[] = [];
  for (let inner: unknown = value; isList(inner); inner = inner[0]) shape.push(inner.length);
  return shape;
}

function isList(value: unknown): value is ArrayLike<unknown> {
  return Array.isArray(value) || (ArrayBuffer.isView(value) && !(value instanceof DataView));
}

/** Write a nested list; false when its shape is another. A null entry stays NaN. */
function fill(out: Float64Array, at: number, value: unknown, shape: readonly number[], axis: number): boolean {
  const size = shape[axis];
  if (size === undefined) {
    if (isList(value)) return false;
    if (value !== null && value !== undefined) out[at] = Number(value);
    return true;
  }
  if (!isList(value) || value.length !== size) return false;
  let stride = 1;
  for (let k = axis + 1; k < shape.length; k++) stride *= shape[k]!;
  for (let k = 0; k < size; k++) if (!fill(out, at + k * stride, value[k], shape, axis + 1)) return false;
  return true;
}
