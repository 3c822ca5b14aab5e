import { embedColumn, embedKeys, keyOf, wantsEmbedding, type BatchSide, type FeatureSpec } from '../core/cost/features.ts';
import type { CostTerm } from '../core/cost/terms.ts';
import type { LoadedEncoder } from '../encoders/load.ts';
import type { Dataset } from '../datasets/types.ts';
import { drawnSide } from './batch.ts';
import { BatchEmbeddings, measureTerms } from './cost.ts';
import { demoImages, type DemoImages } from './demo-images.ts';
import { feedsOf, type EncoderRoom } from './encoders.ts';
import { DEMO_IMAGE, type Side } from './protocol.ts';
import type { RowFeeds } from './row-features.ts';
import { windowedSide, type Windows } from './windows.ts';

/* Columns of the rows that a step draws: those that it reads and no others, windowed as the page's batches are. */

/** Where columns come from. */
export interface ColumnPlace {
  readonly source: Dataset;
  readonly target: Dataset;
  readonly images: DemoImages | null;
}

/** What the encoder of a term is fed for rows of a side. */
export function rowFeeds(place: ColumnPlace, loaded: LoadedEncoder, spec: FeatureSpec, windows: Windows): RowFeeds {
  return (side, rows) => {
    const batch = columnsAt(place, side, rows, keysOf([spec], side), windows);
    const inputs = embedKeys(spec, side).map(([input, key]) => ({ input, key, column: embedColumn(spec, side, key, batch) }));
    return feedsOf(loaded, { output: spec.embed!.output, side, inputs, count: rows.length });
  };
}

/** What no trained weight moves of M, by term: labels, and embeddings of other encoders. @throws UserError as `measureTerms` */
export async function fixedTerms(place: ColumnPlace & { readonly room: EncoderRoom }, specs: readonly FeatureSpec[], { source, target }: Readonly<Record<Side, ArrayLike<number>>>, windows: Windows): Promise<readonly CostTerm[]> {
  if (specs.length === 0) return [];
  const sides = { source: columnsAt(place, 'source', source, keysOf(specs, 'source'), windows), target: columnsAt(place, 'target', target, keysOf(specs, 'target'), windows) };
  return (await measureTerms(specs, sides, new BatchEmbeddings(place.room, sides, null), null)).terms;
}

function keysOf(specs: readonly FeatureSpec[], side: Side): ReadonlySet<string> {
  return new Set(specs.flatMap((spec) => [...(spec.weight_label > 0 ? [keyOf(spec, side)] : []), ...(wantsEmbedding(spec) ? embedKeys(spec, side).map(([, key]) => key) : [])]));
}

function columnsAt({ images, ...datasets }: ColumnPlace, side: Side, rows: ArrayLike<number>, keys: ReadonlySet<string>, windows: Windows): BatchSide {
  const dataset = datasets[side];
  const there = (key: string): boolean => dataset.features.get(key)?.values !== null && dataset.features.has(key);
  // Where one is missing all are taken, since the error lists them.
  const needed = [...keys].every((key) => there(key) || key === DEMO_IMAGE.key) ? { ...dataset, features: new Map([...dataset.features].filter(([key]) => keys.has(key))) } : dataset;
  const batch = windowedSide(drawnSide(needed, Int32Array.from(rows)), windows);
  const drawn = images && keys.has(DEMO_IMAGE.key) && !there(DEMO_IMAGE.key) ? demoImages(side, rows, images) : null;
  if (drawn) batch.columns.set(DEMO_IMAGE.key, drawn);
  return batch;
}
