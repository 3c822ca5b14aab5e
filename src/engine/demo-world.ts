import type { Dataset } from '../datasets/types.ts';
import { REAL, SIM } from '../world/domains.ts';
import { renderFrame } from '../world/render.ts';
import { FPS } from '../world/task.ts';
import type { DemoImages } from './demo-images.ts';
import { DEMO_IMAGE } from './protocol.ts';
import { buildWorld, frameState, type Shard } from '../world/shards.ts';

/**
 * The demo's data of any seed as datasets in memory: what the page's files would be if they were made with that seed.
 * An experiment over seeds needs other demonstrations for each, or its spread is that of training alone.
 */
export function demoWorld(seed: number): { readonly source: Dataset; readonly target: Dataset } {
  const { source, target } = buildWorld(seed);
  return { source: datasetOf(source, 'sim_pick', seed), target: datasetOf(target, 'real_pick', seed) };
}

/** What the cameras of such a world saw, drawn again from its states. */
export function demoFrames(world: { readonly source: Dataset; readonly target: Dataset }): DemoImages {
  return (side, row) => {
    const { features } = world[side];
    const state = frameState(row, features.get('observation.state')!.values!, features.get('observation.environment_state')!.values!);
    return renderFrame(side === 'source' ? SIM : REAL, state, DEMO_IMAGE.shape[2], DEMO_IMAGE.shape[1], row);
  };
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
