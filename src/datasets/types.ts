/** Per-dimension statistics over all frames; arrays have one entry per flattened dimension. NaN and ±∞ are left out. */
export interface FeatureStats {
  readonly min: Float64Array;
  readonly max: Float64Array;
  readonly mean: Float64Array;
  /** Population standard deviation. */
  readonly std: Float64Array;
  /** How many values were NaN or infinite, over all dimensions. */
  readonly nonFinite: number;
}

/** What one column of the frame table holds. */
export interface Feature {
  /** As stored: 'float32', 'float64', 'int64', 'bool', 'string', 'image', 'video', … */
  readonly dtype: string;
  /** Shape of one frame's value, without the frame axis; [1] for a scalar. */
  readonly shape: readonly number[];
  /** One name per entry of the last axis, where the file gives them. */
  readonly names: readonly string[] | null;
  /** frames × Π shape, row-major, in the order of `Dataset.episodes`; null where the values are not numbers. */
  readonly values: Float64Array | null;
  readonly stats: FeatureStats | null;
}

export interface Episode {
  /** `episode_index` as the file has it. */
  readonly index: number;
  /** `episode_%04d` for LeRobot; the file's own name elsewhere. */
  readonly name: string;
  /** First row of this episode in the feature columns. */
  readonly start: number;
  readonly length: number;
}

/**
 * A dataset shard in memory: low-dimensional columns as float64, episodes as row ranges. Every reader makes this one
 * shape and everything downstream sees only it. Plain data, so it crosses a worker boundary by structured clone.
 */
export interface Dataset {
  readonly name: string;
  /** 'robomimic' has its episodes in groups of one HDF5 file, 'hdf5' is a file an episode, 'numpy' .npz or .npy files. */
  readonly format: 'lerobot' | 'robomimic' | 'hdf5' | 'numpy';
  /**
   * LeRobot: 'v2.0', 'v2.1', 'v3.0', or 'bare' for parquet without meta. HDF5: 'data' or 'groups' (where the episodes
   * are), 'flat' (a file an episode). NumPy: 'npz' or 'npy'.
   */
  readonly version: string;
  /** Frames a second; null when the files do not say. */
  readonly fps: number | null;
  readonly frames: number;
  readonly episodes: readonly Episode[];
  /** A Map, because its keys come from files. */
  readonly features: ReadonlyMap<string, Feature>;
  /** SHA-256 (hex) over the bytes of the table files that were read: how a shared link recognises local data. */
  readonly fingerprint: string;
  /** Where the files disagree with themselves or something was left out; one sentence each. */
  readonly warnings: readonly string[];
}

/** A file as readers see it, wherever it lives. `path` is relative to the dropped folder, with forward slashes. */
export interface InputFile {
  readonly path: string;
  readonly size: number;
  /** Bytes [start, end); rejects with a UserError when the file changed or vanished since it was picked. */
  slice(start: number, end: number): Promise<ArrayBuffer>;
}

export interface ReadProgress {
  readonly step: 'meta' | 'table' | 'statistics';
  readonly done: number;
  readonly total: number;
}

export interface ReadOptions {
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: ReadProgress) => void;
}
