import { UserError } from '../base/errors.ts';
import { baseName } from './array-files.ts';
import { MAX_FILES } from './limits.ts';
import type { InputFile } from './types.ts';
import { count, list, plural, quote } from './words.ts';

/** The parquet files of one dataset, with paths relative to its root. */
export interface LocatedTables {
  readonly kind: 'tables';
  /** Name of the root folder, or of the only file. */
  readonly name: string;
  /** All files by path. */
  readonly files: ReadonlyMap<string, InputFile>;
  /** Parquet files that may be frame tables, in path order. */
  readonly tables: readonly InputFile[];
  readonly warnings: readonly string[];
}

/** HDF5 or NumPy files, with paths relative to the folder they share. */
export interface LocatedArrays {
  readonly kind: 'hdf5' | 'numpy';
  readonly name: string;
  /** At least one, in path order. */
  readonly files: readonly InputFile[];
}

/** Files of a LeRobot `meta` folder whose place marks the root of a dataset, best first. */
const marks = ['meta/info.json', 'meta/episodes.jsonl', 'meta/tasks.parquet', 'meta/stats.json'];

/** Files of arrays that can be read where there are no tables, by extension. */
const arrayFormats = new Map<string, LocatedArrays['kind']>([
  ['hdf5', 'hdf5'],
  ['h5', 'hdf5'],
  ['npz', 'numpy'],
  ['npy', 'numpy'],
]);

/** What people have instead, by file extension. */
const otherFormats = new Map([
  ['csv', 'CSV tables'],
  ['tsv', 'TSV tables'],
  ['jsonl', 'JSON lines'],
  ['json', 'JSON'],
  ['arrow', 'Arrow tables'],
  ['feather', 'Feather tables'],
  ['zarr', 'Zarr'],
  ['zarray', 'Zarr'],
  ['bag', 'ROS bags'],
  ['db3', 'ROS 2 bags'],
  ['mcap', 'MCAP logs'],
  ['tfrecord', 'TFRecords'],
  ['pkl', 'Python pickles'],
  ['pt', 'PyTorch files'],
  ['zip', 'a zip archive'],
  ['tar', 'a tar archive'],
  ['gz', 'a gzip archive'],
  ['mp4', 'videos'],
  ['png', 'pictures'],
  ['jpg', 'pictures'],
]);

const wanted = 'a LeRobotDataset (v2.0, v2.1 or v3.0) folder with its data folder, its parquet files, robomimic’s HDF5 or NumPy’s .npz and .npy can be read';

/** Find the dataset among the files of a drop: where its root is, and which files may hold frames. */
export function locate(dropped: readonly InputFile[]): LocatedTables | LocatedArrays {
  if (dropped.length > MAX_FILES) {
    throw new UserError(
      'too-many-files',
      `There are ${count(dropped.length)} files, above the limit of ${count(MAX_FILES)}; open a part of the dataset.`,
    );
  }
  const all = dropped.map((file) => ({ file, path: normal(file.path) })).filter(({ path }) => !isHidden(path));
  if (all.length === 0) throw new UserError('nothing-found', `No files were found; ${wanted}.`);
  const warnings: string[] = [];
  const root = findRoot(all.map(({ path }) => path), warnings);
  const files = new Map<string, InputFile>();
  for (const { file, path } of all) {
    if (path.startsWith(root)) files.set(path.slice(root.length), relative(file, path.slice(root.length)));
  }
  const parquet = [...files.values()]
    .filter((file) => /\.parquet$/i.test(file.path) && !file.path.startsWith('meta/'))
    .toSorted((a, b) => (a.path < b.path ? -1 : 1));
  if (parquet.length === 0) {
    const arrays = locateArrays(root, [...files.values()]);
    if (arrays) return arrays;
    throw refuse([...files.keys()]);
  }
  // Copies and exports beside `data/` would repeat its frames.
  const inData = parquet.filter((file) => file.path.startsWith('data/'));
  const tables = inData.length > 0 ? inData : parquet;
  if (tables.length < parquet.length) {
    const left = parquet.filter((file) => !file.path.startsWith('data/')).map((file) => quote(file.path));
    warnings.push(`Parquet files outside the data folder are left out: ${list(left)}.`);
  }
  return { kind: 'tables', name: datasetName(root, tables), files, tables, warnings };
}

/** The files of arrays among these; null where there are none. */
function locateArrays(root: string, files: readonly InputFile[]): LocatedArrays | null {
  const found = files.flatMap((file) => {
    const kind = arrayFormats.get(extension(file.path));
    return kind ? [{ kind, file }] : [];
  });
  const [first] = found;
  if (!first) return null;
  const stranger = found.find(({ kind }) => kind !== first.kind);
  if (stranger) {
    throw new UserError('several-datasets', `There are HDF5 and NumPy files here (${quote(first.file.path)}, ${quote(stranger.file.path)}); open those of one kind by themselves.`);
  }
  const sorted = found.map(({ file }) => file).toSorted((a, b) => (a.path < b.path ? -1 : 1));
  return { kind: first.kind, name: datasetName(root, sorted), files: sorted };
}

function extension(path: string): string {
  return path.slice(path.lastIndexOf('.') + 1).toLowerCase();
}

/** The folder that holds `meta`, or '' when there is none; ends with a slash otherwise. */
function findRoot(paths: readonly string[], warnings: string[]): string {
  const roots = new Set<string>();
  for (const path of paths) {
    for (const mark of marks) if (path === mark || path.endsWith(`/${mark}`)) roots.add(path.slice(0, path.length - mark.length));
  }
  const [first, ...others] = [...roots].toSorted((a, b) => a.length - b.length || (a < b ? -1 : 1));
  if (first === undefined) return commonFolder(paths);
  const beside = others.filter((root) => !root.startsWith(first));
  if (beside.length > 0) {
    const names = [first, ...beside].map((root) => quote(root.replace(/\/$/, '') || '.')).toSorted();
    throw new UserError('several-datasets', `There are ${names.length} datasets here (${list(names)}); open one of these folders by itself.`);
  }
  if (others.length > 0) {
    warnings.push(
      `Further datasets inside this one are left out: ${list(others.map((root) => quote(root.slice(first.length, -1))))}.`,
    );
  }
  return first;
}

/** The folder all paths share, so that a dropped folder of bare tables counts as their root. */
function commonFolder(paths: readonly string[]): string {
  const folders = paths.map((path) => path.split('/').slice(0, -1));
  const shared: string[] = [];
  for (const [k, part] of (folders[0] ?? []).entries()) {
    if (part === 'data' || !folders.every((folder) => folder[k] === part)) break;
    shared.push(part);
  }
  return shared.map((part) => `${part}/`).join('');
}

function datasetName(root: string, files: readonly InputFile[]): string {
  const folder = root.split('/').at(-2);
  const [only, ...others] = files;
  if (folder !== undefined) return folder;
  return only && others.length === 0 ? baseName(only.path) : 'dataset';
}

/** Say what is there instead of frame tables. */
function refuse(paths: readonly string[]): UserError {
  const outsideMeta = paths.filter((path) => !path.startsWith('meta/') && !/^(info|stats)\.json$|^readme/i.test(path));
  const found = new Set<string>();
  for (const path of outsideMeta) {
    const format = otherFormats.get(extension(path));
    if (format) found.add(format);
  }
  const meta = paths.some((path) => path.startsWith('meta/'));
  const only = [...found].every((format) => format === 'videos' || format === 'pictures');
  if (meta && only) {
    return new UserError('no-tables', 'There is a meta folder but no table with frames; add the data folder with its parquet files.');
  }
  if (found.size > 0) {
    const example = outsideMeta.find((path) => otherFormats.has(extension(path)));
    return new UserError(
      'unsupported-format',
      `This holds ${list([...found].toSorted())} (${quote(example ?? '')}) and no frames that can be read; ${wanted}.`,
    );
  }
  return new UserError(
    'unsupported-format',
    `There are no frames among the ${plural(paths.length, 'file')} found (${list(paths.map(quote))}); ${wanted}.`,
  );
}

function normal(path: string): string {
  return path.replaceAll('\\', '/').split('/').filter((part) => part !== '' && part !== '.').join('/');
}

/** Operating systems and tools leave files that are not data: .DS_Store, ._copies, .cache, .git. */
function isHidden(path: string): boolean {
  return path.split('/').some((part) => part.startsWith('.') || part === '__MACOSX');
}

function relative(file: InputFile, path: string): InputFile {
  return { path, size: file.size, slice: (start, end) => file.slice(start, end) };
}
