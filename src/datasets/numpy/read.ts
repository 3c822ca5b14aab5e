import { digest, fingerprint } from '../../base/digest.ts';
import { baseName, sameFile, wholeFile } from '../array-files.ts';
import { Budget } from '../columns.ts';
import { EpisodeColumns, episodeLength, numbered, type PlannedEpisode } from '../episode-columns.ts';
import { MAX_ROWS } from '../limits.ts';
import type { LocatedArrays } from '../locate.ts';
import { unpack } from '../numbers.ts';
import { step } from '../progress.ts';
import type { Dataset, Episode, InputFile, ReadOptions } from '../types.ts';
import { cut } from '../words.ts';
import { cutByEnds, cutByIndex, type Cut } from './episodes.ts';
import { MAX_NPY_HEADER, npyHeader, rowMajor, type NpyHeader } from './npy.ts';
import { unzip, zipEntries } from './zip.ts';

/** Arrays that belong together: those of one .npz, or all .npy files. Their rows are frames. */
interface Bundle extends PlannedEpisode {
  readonly arrays: Map<string, NpyHeader>;
  readonly files: { readonly file: InputFile; readonly digest: ArrayBuffer }[];
  /** The episodes inside; null where the bundle is one. */
  cuts: readonly Cut[] | null;
  fps: number | null;
  length: number;
}

/** An array and a way to its bytes. */
interface NumpyArray {
  readonly key: string;
  readonly header: NpyHeader;
  /** The values, row-major. */
  readonly values: () => Uint8Array;
}

/**
 * Read NumPy files: the arrays of a .npz are columns, and so are .npy files side by side; each .npz is one episode
 * unless it holds `episode_ends` or `episode_index`. A single value called `fps` or `control_freq` is the frame rate.
 */
export async function readNumpy({ name, files }: LocatedArrays, options: ReadOptions): Promise<Dataset> {
  const warnings: string[] = [];
  const total = files.reduce((sum, file) => sum + file.size, 0);
  const single = files.filter(({ path }) => isNpy(path));
  const archives = files.filter(({ path }) => !isNpy(path));
  const groups = [
    ...numbered(archives, ({ path }) => baseName(path)).map(({ item, ...named }) => ({ ...named, files: [item] })),
    ...(single.length > 0 ? [{ name, index: archives.length, files: single }] : []),
  ];
  const bundles: Bundle[] = [];
  let done = 0;
  for (const group of groups) {
    const bundle: Bundle = { name: group.name, index: group.index, length: 0, arrays: new Map(), files: [], cuts: null, fps: null };
    for (const file of group.files) {
      step(options, { step: 'meta', done, total });
      await addFile(bundle, file);
      done += file.size;
    }
    const end = bundle.cuts?.at(-1);
    bundle.length = end ? end.start + end.length : episodeLength(bundle.arrays, null);
    bundles.push(bundle);
  }
  const columns = new EpisodeColumns(bundles, name, total, warnings);
  await readValues(columns, total, options);
  const fps = bundles.find((bundle) => bundle.fps !== null)?.fps ?? null;
  if (fps === null) warnings.push('No array called fps gives the frame rate; time is counted in frames.');
  return {
    name,
    format: 'numpy',
    version: archives.length > 0 ? 'npz' : 'npy',
    fps,
    frames: columns.frames,
    episodes: columns.episodes.flatMap((whole, k) => episodesOf(whole, columns.planned[k]?.cuts ?? null, columns.planned.length > 1)),
    features: columns.features(options, warnings),
    fingerprint: await fingerprint(bundles.flatMap((bundle) => bundle.files.map((file) => file.digest))),
    warnings: cut(warnings),
  };
}

/** Take what a file's headers say, and the few values that decide where episodes end. */
async function addFile(bundle: Bundle, file: InputFile): Promise<void> {
  const data = await wholeFile(file);
  bundle.files.push({ file, digest: await digest(data) });
  for (const array of arraysOf(file.path, data)) {
    const { key, header } = array;
    const rows = header.shape[0];
    const numbers = header.type && header.shape.length <= 1 && (rows ?? 1) <= MAX_ROWS ? (): Float64Array => allValues(array) : null;
    if (key === 'episode_ends' && numbers && rows !== undefined) {
      bundle.cuts = cutByEnds(file.path, numbers());
      continue;
    }
    if (key === 'episode_index' && numbers && rows !== undefined) bundle.cuts ??= cutByIndex(file.path, numbers());
    if ((key === 'fps' || key === 'control_freq') && numbers && (rows ?? 1) === 1) {
      const [rate] = numbers();
      if (rate !== undefined && rate > 0 && Number.isFinite(rate)) bundle.fps = rate;
      if (rows === undefined) continue;
    }
    if (!bundle.arrays.has(key)) bundle.arrays.set(key, header);
  }
}

async function readValues(columns: EpisodeColumns<Bundle>, total: number, options: ReadOptions): Promise<void> {
  const budget = new Budget();
  let done = 0;
  for (const [k, { files, arrays }] of columns.planned.entries()) {
    const wanted = new Set(columns.wanted(k));
    for (const { file, digest: before } of files) {
      const found = arraysOf(file.path, await sameFile(file, before));
      for (const [a, { key, header, values }] of found.entries()) {
        step(options, { step: 'table', done: done + (file.size * a) / found.length, total });
        // The first of two arrays by one name is the one that was planned.
        if (!header.type || !wanted.delete(key) || arrays.get(key)?.shape.join() !== header.shape.join()) continue;
        columns.put(k, key, values(), header.type, budget);
      }
      done += file.size;
    }
  }
  step(options, { step: 'table', done: total, total });
}

function arraysOf(path: string, data: ArrayBuffer): NumpyArray[] {
  if (isNpy(path)) {
    const all = new Uint8Array(data);
    const header = npyHeader(path, all, all.length);
    return [{ key: baseName(path), header, values: () => rowMajor(all.subarray(header.offset), header) }];
  }
  return zipEntries(path, data).filter(({ name }) => isNpy(name)).map((entry) => {
    const header = npyHeader(`${path}/${entry.name}`, unzip(path, entry, Math.min(entry.size, MAX_NPY_HEADER)), entry.size);
    return { key: entry.name.replace(/\.npy$/i, ''), header, values: () => rowMajor(unzip(path, entry).subarray(header.offset), header) };
  });
}

function allValues({ header, values }: NumpyArray): Float64Array {
  const out = new Float64Array(header.shape[0] ?? 1);
  if (header.type) unpack(values(), header.type, out, 0, out.length);
  return out;
}

function episodesOf(whole: Episode, cuts: readonly Cut[] | null, several: boolean): Episode[] {
  if (!cuts) return [whole];
  return cuts.map(({ index, start, length }) => {
    const name = `episode_${String(index).padStart(4, '0')}`;
    return { index, name: several ? `${whole.name}/${name}` : name, start: whole.start + start, length };
  });
}

function isNpy(path: string): boolean {
  return /\.npy$/i.test(path);
}
