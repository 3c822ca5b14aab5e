import { fileURLToPath } from 'node:url';
import { nodeFiles } from '../../src/datasets/node-files.ts';
import { openDataset } from '../../src/datasets/open.ts';
import type { Dataset, Episode } from '../../src/datasets/types.ts';

/** A shard of the demo that ships with the page, read as the page reads it. */
export async function demoShard(name: 'sim_pick' | 'real_pick'): Promise<Dataset> {
  return openDataset(await nodeFiles(fileURLToPath(new URL(`../../public/demo/${name}`, import.meta.url))));
}

/** A dataset in memory with episodes of these lengths; a column of width w counts up in steps of 1 within a row. */
export function madeDataset(lengths: readonly number[], columns: Readonly<Record<string, number | { readonly shape: readonly number[]; readonly values: Float64Array }>> = { 'observation.state': 2 }, fps: number | null = 10): Dataset {
  const episodes: Episode[] = [];
  let frames = 0;
  for (const [index, length] of lengths.entries()) {
    episodes.push({ index, name: `episode_${index}`, start: frames, length });
    frames += length;
  }
  const count = frames;
  const features = new Map(
    Object.entries(columns).map(([key, column]) => {
      const { shape, values } = typeof column === 'number' ? { shape: [column], values: Float64Array.from({ length: column * count }, (_, k) => Math.floor(k / column) + 10 * (k % column)) } : column;
      return [key, { dtype: 'float32', shape, names: null, values, stats: null }] as const;
    }),
  );
  return { name: 'made', format: 'lerobot', version: 'bare', fps, frames, episodes, features, fingerprint: '00'.repeat(32), warnings: [] };
}

/** The same dataset without some columns. */
export function without(dataset: Dataset, ...keys: readonly string[]): Dataset {
  return { ...dataset, features: new Map([...dataset.features].filter(([key]) => !keys.includes(key))) };
}

/** The same dataset with one column changed, its own values untouched. */
export function changed(dataset: Dataset, key: string, change: (values: Float64Array) => void): Dataset {
  const feature = dataset.features.get(key);
  if (!feature?.values) throw new Error(`no numbers under ${key}`);
  const values = feature.values.slice();
  change(values);
  return { ...dataset, features: new Map([...dataset.features, [key, { ...feature, values }]]) };
}
