import { UserError } from '../base/errors.ts';
import type { Dataset, PickedFile } from '../engine/client.ts';
import { DEMO_IMAGE } from '../engine/protocol.ts';
import type { DatasetSummary } from './run.ts';

/** Dimensions whose figures are kept. */
const STATS_SHOWN = 64;

/** What a dropped folder or file is called. @throws UserError `no-files` */
export function folderName(files: readonly PickedFile[]): string {
  if (files.length === 0) throw new UserError('no-files', 'Nothing was dropped that can be read. Drop a LeRobot folder, or .parquet, .hdf5, .npz or .npy files.');
  const first = files[0]!.path;
  return (files.length > 1 || first.includes('/') ? first.split('/')[0] : first) ?? first;
}

/** What the page says of a dataset. Before it is handed to the engine, which takes its columns. */
export function summarise(dataset: Dataset, name: string, demo: 'sim' | 'real' | null): DatasetSummary {
  const lengths = dataset.episodes.map(({ length }) => length).toSorted((p, q) => p - q);
  return {
    name,
    format: dataset.format,
    version: dataset.version,
    fps: dataset.fps,
    frames: dataset.frames,
    episodes: dataset.episodes.length,
    medianEpisode: lengths[lengths.length >> 1] ?? 0,
    demo,
    fingerprint: dataset.fingerprint,
    warnings: dataset.warnings,
    features: [
      ...[...dataset.features].map(([key, { dtype, shape, names, values, stats }]) => {
        const few = (figures: Float64Array): number[] => Array.from(figures.subarray(0, STATS_SHOWN));
        return { key, dtype, shape, names, numeric: values !== null, stats: stats && { min: few(stats.min), max: few(stats.max), mean: few(stats.mean), std: few(stats.std) } };
      }),
      ...(demo ? [{ key: DEMO_IMAGE.key, dtype: 'image', shape: DEMO_IMAGE.shape, names: null, numeric: true, stats: null }] : []),
    ],
  };
}
