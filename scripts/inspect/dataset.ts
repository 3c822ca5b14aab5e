import { UserError } from '../../src/base/errors.ts';
import { readInChild } from '../node/read-dataset.ts';

/** What `inspect dataset` prints. */
export interface DatasetReport {
  readonly format: string;
  readonly version: string;
  readonly episodes: number;
  readonly frames: number;
  readonly fps: number | null;
  readonly features: Readonly<Record<string, { dtype: string; shape: readonly number[] }>>;
  readonly warnings: readonly string[];
}

/** `inspect dataset <folder or file>`: what the reader makes of it, as one object. */
export async function inspectDataset(args: readonly string[]): Promise<DatasetReport> {
  const [path, ...rest] = args;
  if (path === undefined || rest.length > 0) throw new UserError('usage', 'inspect dataset takes one path: a dataset folder, or a parquet, HDF5, .npz or .npy file.');
  const { format, version, episodes, frames, fps, features, warnings } = await readInChild(path);
  return {
    format,
    version,
    episodes: episodes.length,
    frames,
    fps,
    // fromEntries defines properties, so a feature called __proto__ is a key like any other.
    features: Object.fromEntries([...features].map(([key, { dtype, shape }]) => [key, { dtype, shape }])),
    warnings,
  };
}
