import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { UserError } from '../../src/base/errors.ts';
import type { Prior, UotProblem } from '../../src/core/ot/problem.ts';

interface Truth {
  readonly plan: string;
}

/** One case of a golden table; array names point into its blob. */
export interface GoldenCase {
  readonly id: string;
  readonly prob: string;
  readonly c: string;
  readonly reg: number;
  readonly tau1: number | null;
  readonly tau2: number | null;
  readonly shape: readonly [number, number];
  readonly pot?: { readonly numerical: boolean; readonly mass: number | null };
  readonly parity?: Truth & { readonly iters: number };
  readonly star?: (Truth & { readonly kkt?: number; readonly total: number }) | null;
}

export interface GoldenTable {
  readonly cases: readonly GoldenCase[];
  /** A stored array as float64. */
  array(name: string): Float64Array;
  problem(golden: GoldenCase): UotProblem;
}

interface Stored {
  readonly off: number;
  readonly len: number;
  readonly dtype: string;
}

/**
 * Read a folder with golden.json and golden.bin (little-endian, every array 8-byte aligned; f4 inputs, f8 outputs).
 * @throws UserError when the folder does not hold such a table
 */
export async function readGolden(folder: string): Promise<GoldenTable> {
  const read = async (name: string): Promise<Buffer> =>
    readFile(join(folder, name)).catch(() => {
      throw new UserError('no-golden', `${folder} has no ${name}; a golden folder holds golden.json and golden.bin.`);
    });
  const text = await read('golden.json');
  const blob = await read('golden.bin');
  let table: { arrays: Record<string, Stored>; cases: GoldenCase[] };
  try {
    table = JSON.parse(text.toString('utf8')) as typeof table;
  } catch {
    throw new UserError('no-golden', `${join(folder, 'golden.json')} is not valid JSON.`);
  }
  if (!Array.isArray(table.cases) || typeof table.arrays !== 'object') throw new UserError('no-golden', `${join(folder, 'golden.json')} lacks "arrays" or "cases".`);
  const arrays = new Map(Object.entries(table.arrays));
  const array = (name: string): Float64Array => {
    const stored = arrays.get(name);
    if (!stored) throw new UserError('no-golden', `golden.json names the array "${name}" but does not list it.`);
    const width = stored.dtype === 'f4' ? 4 : 8;
    if (stored.off + stored.len * width > blob.length) throw new UserError('no-golden', `golden.bin ends before the array "${name}".`);
    const result = new Float64Array(stored.len);
    for (let k = 0; k < stored.len; k++) result[k] = width === 4 ? blob.readFloatLE(stored.off + 4 * k) : blob.readDoubleLE(stored.off + 8 * k);
    return result;
  };
  const prior = (golden: GoldenCase): Prior => {
    if (golden.c === 'ab') return { kind: 'product' };
    if (golden.c === 'diag') return { kind: 'diagonal' };
    return { kind: 'dense', values: array(`${golden.prob}.c.${golden.c}`) };
  };
  return {
    cases: table.cases,
    array,
    problem: (golden) => ({
      n: golden.shape[0],
      m: golden.shape[1],
      cost: array(`${golden.prob}.M`),
      a: array(`${golden.prob}.a`),
      b: array(`${golden.prob}.b`),
      prior: prior(golden),
      reg: golden.reg,
      tau1: golden.tau1 ?? Infinity,
      tau2: golden.tau2 ?? Infinity,
    }),
  };
}

/** max|p − q| / max|q|; Infinity when p holds anything that is not finite. */
export function planError(plan: Float64Array, truth: Float64Array): number {
  let worst = 0;
  let top = 0;
  for (let k = 0; k < truth.length; k++) {
    const difference = Math.abs(plan[k]! - truth[k]!);
    if (!(difference <= worst)) worst = Number.isFinite(difference) ? difference : Infinity;
    top = Math.max(top, Math.abs(truth[k]!));
  }
  return worst === 0 ? 0 : worst / top;
}
