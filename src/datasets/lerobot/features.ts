import { shapeName } from '../columns.ts';
import { step } from '../progress.ts';
import { featureStats } from '../statistics.ts';
import type { Feature, ReadOptions } from '../types.ts';
import { count, list, plural, quote } from '../words.ts';
import type { Frames, RawColumn } from './frames.ts';
import type { FeatureClaim, Info } from './info.ts';
import type { Order } from './order.ts';
import { reorder } from './order.ts';

/** Turn the columns into features: those info.json lists in its order, then what else the tables hold. */
export function buildFeatures(frames: Frames, order: Order, info: Info | null, options: ReadOptions, warnings: string[]): Map<string, Feature> {
  const features = new Map<string, Feature>();
  const absent: string[] = [];
  const keys = new Set([...(info?.features.keys() ?? []), ...frames.columns.keys()]);
  let done = 0;
  for (const key of keys) {
    step(options, { step: 'statistics', done: done++, total: keys.size });
    const claim = info?.features.get(key);
    const column = frames.columns.get(key);
    if (column) features.set(key, buildFeature(key, column, frames, order, claim, warnings));
    else if (claim?.dtype === 'video') features.set(key, plain('video', claim.shape ?? []));
    else absent.push(quote(key));
  }
  step(options, { step: 'statistics', done, total: keys.size });
  if (absent.length > 0) {
    warnings.push(
      `${quote(info?.path ?? '')} declares ${plural(absent.length, 'feature')} that the tables do not hold (${list(absent)}).`,
    );
  }
  return features;
}

function buildFeature(key: string, column: RawColumn, frames: Frames, order: Order, claim: FeatureClaim | undefined, warnings: string[]): Feature {
  const { builder } = column;
  // A picture's size is only known from the claim; its bytes are not unpacked here.
  if (!builder) return plain(column.dtype, column.dtype === 'image' ? (claim?.shape ?? []) : [1]);
  const problem = builder.problem ?? (builder.values ? null : 'holds no values');
  if (problem !== null || !builder.values || !builder.shape) {
    warnings.push(`Column ${quote(key)} ${problem}; it is listed without values.`);
    return plain(column.dtype, claim?.shape ?? builder.shape ?? [1]);
  }
  if (column.tables < frames.tables.length) {
    warnings.push(
      `Column ${quote(key)} is missing in ${count(frames.tables.length - column.tables)} of ${plural(frames.tables.length, 'table')}; its values there are NaN.`,
    );
  }
  const shape = chooseShape(key, builder.shape, claim?.shape, warnings);
  const width = product(builder.shape);
  const values = reorder(builder.values, width, order.rows);
  const stats = featureStats(values, width);
  if (stats.nonFinite > 0) {
    warnings.push(
      `Column ${quote(key)} holds ${plural(stats.nonFinite, 'value')} that ${stats.nonFinite === 1 ? 'is' : 'are'} NaN, infinite or empty; statistics leave them out.`,
    );
  }
  return { dtype: column.dtype, shape, names: chooseNames(key, shape, claim?.names ?? null, warnings), values, stats };
}

/** The stored shape; the claimed one only where it divides the same numbers (flat lists of a matrix). */
function chooseShape(key: string, stored: readonly number[], claimed: readonly number[] | null | undefined, warnings: string[]): readonly number[] {
  if (!claimed || shapeName(claimed) === shapeName(stored)) return stored;
  if (product(claimed) === product(stored)) return claimed.length > stored.length ? claimed : stored;
  warnings.push(`Column ${quote(key)} is declared with shape ${shapeName(claimed)} but holds ${shapeName(stored)}.`);
  return stored;
}

function chooseNames(key: string, shape: readonly number[], names: readonly string[] | null, warnings: string[]): readonly string[] | null {
  if (!names) return null;
  const width = shape.at(-1) ?? 1;
  if (names.length === width) return names;
  warnings.push(`Column ${quote(key)} has ${plural(names.length, 'name')} for ${plural(width, 'value')}; the names are left out.`);
  return null;
}

function product(shape: readonly number[]): number {
  return shape.reduce((all, n) => all * n, 1);
}

function plain(dtype: string, shape: readonly number[]): Feature {
  return { dtype, shape, names: null, values: null, stats: null };
}
