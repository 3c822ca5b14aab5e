import { digest, fingerprint } from '../../base/digest.ts';
import { baseName, sameFile, severalFiles, wholeFile } from '../array-files.ts';
import { Budget } from '../columns.ts';
import { EpisodeColumns, numbered } from '../episode-columns.ts';
import type { LocatedArrays } from '../locate.ts';
import { step } from '../progress.ts';
import type { Dataset, InputFile, ReadOptions } from '../types.ts';
import { cut } from '../words.ts';
import { readLayout, type Hdf5Episode, type Hdf5Layout } from './layout.ts';
import { Hdf5File } from './library.ts';

/** One file, the episodes it holds, and the digest of the bytes that said so. */
interface FileLayout extends Hdf5Layout {
  readonly file: InputFile;
  readonly digest: ArrayBuffer;
}

/**
 * Read robomimic's HDF5 (`data/demo_k/{actions, states, obs/…}`), the same without `data`, or flat files that are one
 * episode each, as ACT writes them. Shapes of everything are known before the first value is read; one file is in
 * memory at a time.
 */
export async function readHdf5({ name, files }: LocatedArrays, options: ReadOptions): Promise<Dataset> {
  const warnings: string[] = [];
  const total = files.reduce((sum, file) => sum + file.size, 0);
  const layouts: FileLayout[] = [];
  let done = 0;
  for (const { item: file, ...only } of numbered(files, ({ path }) => baseName(path))) {
    step(options, { step: 'meta', done, total });
    const before = done;
    layouts.push(await layoutOf(file, only, (part) => step(options, { step: 'meta', done: before + part * file.size, total }), warnings));
    done += file.size;
  }
  if (layouts.length > 1 && layouts.some(({ kind }) => kind !== 'flat')) throw severalFiles(files);
  const episodes = layouts.flatMap((layout) => layout.episodes.map((episode) => ({ ...episode, layout })));
  const columns = new EpisodeColumns(episodes, name, total, warnings);
  await readValues(columns, total, options);
  const rates = new Set(layouts.map(({ fps }) => fps));
  const [fps = null] = rates;
  if (rates.size > 1) warnings.push('The files do not agree on the frame rate; time is counted in frames.');
  else if (fps === null) warnings.push('The file does not say its frame rate (control_freq); time is counted in frames.');
  return {
    name,
    format: layouts[0]?.kind === 'flat' ? 'hdf5' : 'robomimic',
    version: layouts[0]?.kind ?? 'flat',
    fps: rates.size > 1 ? null : fps,
    frames: columns.frames,
    episodes: columns.episodes,
    features: columns.features(options, warnings),
    fingerprint: await fingerprint(layouts.map((layout) => layout.digest)),
    warnings: cut(warnings),
  };
}

/** `only` names the episode where the file is one. */
async function layoutOf(file: InputFile, only: { name: string; index: number }, report: (part: number) => void, warnings: string[]): Promise<FileLayout> {
  const data = await wholeFile(file);
  const sum = await digest(data);
  const open = await Hdf5File.open(file.path, data);
  try {
    return { file, digest: sum, ...readLayout(open, only, report, warnings) };
  } finally {
    open.close();
  }
}

/** Episodes of one file come one after the other, so each file is opened once. */
async function readValues(columns: EpisodeColumns<Hdf5Episode & { layout: FileLayout }>, total: number, options: ReadOptions): Promise<void> {
  const budget = new Budget();
  for (const layout of new Set(columns.planned.map((episode) => episode.layout))) {
    const file = await Hdf5File.open(layout.file.path, await sameFile(layout.file, layout.digest));
    try {
      for (const [k, episode] of columns.planned.entries()) {
        if (episode.layout !== layout) continue;
        step(options, { step: 'table', done: (total * k) / columns.planned.length, total });
        readEpisode(file, k, episode, columns, budget);
      }
    } finally {
      file.close();
    }
  }
  step(options, { step: 'table', done: total, total });
}

function readEpisode(file: Hdf5File, k: number, { group, arrays }: Hdf5Episode, columns: EpisodeColumns<Hdf5Episode>, budget: Budget): void {
  for (const key of columns.wanted(k)) {
    const array = arrays.get(key);
    if (!array) continue;
    const { data, type } = file.read(`${group === '/' ? '' : group}/${key}`, array);
    columns.put(k, key, data, type, budget);
  }
}
