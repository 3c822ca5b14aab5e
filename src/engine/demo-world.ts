import type { Dataset } from '../datasets/types.ts';
import { FPS } from '../world/task.ts';
import { buildWorld, type Shard } from '../world/shards.ts';

/**
 * The demo's data of any seed as datasets in memory: what the page's files would be if they were made with that seed.
 * An experiment over seeds needs other demonstrations for each, or its spread is that of training alone.
 */
export function demoWorld(seed: number): { readonly source: Dataset; readonly target: Dataset } {
  const { source, target } = buildWorld(seed);
  return { source: datasetOf(source, 'sim_pick', seed), target: datasetOf(target, 'real_pick', seed) };
}

function datasetOf({ frames, episodes, columns }: Shard, name: string, seed: number): Dataset {
  return {
    name: `${name} of seed ${seed}`,
    format: 'lerobot',
    version: 'v3.0',
    fps: FPS,
    frames,
    episodes: episodes.map(({ start, length }, index) => ({ index, name: `episode_${String(index).padStart(4, '0')}`, start, length })),
    features: new Map([...columns].map(([key, { dtype, shape, names, values }]) => [key, { dtype, shape, names, values, stats: null }])),
    // Nothing was read, so there is nothing to recognise again.
    fingerprint: '',
    warnings: [],
  };
}
