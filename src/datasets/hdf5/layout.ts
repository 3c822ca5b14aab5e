import { UserError } from '../../base/errors.ts';
import { episodeLength, numbered, type PlannedEpisode } from '../episode-columns.ts';
import { isRecord } from '../json.ts';
import { MAX_COLUMNS, MAX_EPISODE_OBJECTS, MAX_GROUP_DEPTH, MAX_OBJECTS } from '../limits.ts';
import { count, list, plural, quote } from '../words.ts';
import type { Hdf5Array, Hdf5File } from './library.ts';

/** What one HDF5 file holds: its episodes and where their arrays are. */
export interface Hdf5Layout {
  /** 'data' has episodes in the group `data` as robomimic does, 'groups' in the root, 'flat' is one episode. */
  readonly kind: 'data' | 'groups' | 'flat';
  readonly episodes: readonly Hdf5Episode[];
  readonly fps: number | null;
}

/** An episode and the group that holds it. */
export interface Hdf5Episode extends PlannedEpisode {
  readonly group: string;
  readonly arrays: ReadonlyMap<string, Hdf5Array>;
}

/** Find the episodes of a file and what arrays they have. Reads no values. `only` is what the episode is called where the file is one. */
export function readLayout(file: Hdf5File, only: { readonly name: string; readonly index: number }, report: (part: number) => void, warnings: string[]): Hdf5Layout {
  const walk = new Walk(file, warnings);
  const data = file.names('/').includes('data') && file.kind('/data') === 'group' ? episodeGroups(file, '/data') : [];
  const groups = data.length > 0 ? data : rootEpisodes(file);
  if (groups.length === 0) {
    const arrays = walk.arrays('/');
    walk.warn();
    if (arrays.size === 0) throw new UserError('no-frames', `${quote(file.path)} is an HDF5 file without any array; choose one that holds demonstrations.`);
    return { kind: 'flat', episodes: [{ ...only, group: '/', arrays, length: episodeLength(arrays, null) }], fps: frameRate(file, ['/']) };
  }
  const base = data.length > 0 ? '/data' : '/';
  const episodes = numbered(groups, (group) => group.slice(group.lastIndexOf('/') + 1)).map(({ item: group, ...named }, k) => {
    report(k / groups.length);
    const arrays = walk.arrays(group);
    const declared = file.attribute(group, 'num_samples');
    const length = episodeLength(arrays, typeof declared === 'number' && Number.isSafeInteger(declared) && declared >= 0 ? declared : null);
    if (typeof declared === 'number' && declared !== length) walk.miscounted.push(`${quote(named.name)} ${declared}, holds ${length}`);
    return { ...named, group, arrays, length };
  });
  walk.warn();
  warnings.push(...filterKeys(file));
  return { kind: data.length > 0 ? 'data' : 'groups', episodes, fps: frameRate(file, [base, '/']) };
}

/** Groups below `base` whose names have numbers, as `demo_3`; all groups where none has. */
function episodeGroups(file: Hdf5File, base: string): string[] {
  const groups = file.names(base).map((name) => `${base === '/' ? '' : base}/${name}`).filter((path) => file.kind(path) === 'group');
  const numberedGroups = groups.filter((path) => /\d[^/]*$/.test(path));
  return numberedGroups.length > 0 ? numberedGroups : groups;
}

/** Episodes as groups of the root (`traj_0`), where the root has no arrays and only such groups. */
function rootEpisodes(file: Hdf5File): string[] {
  const names = file.names('/').filter((name) => name !== 'mask');
  return names.length > 0 && names.every((name) => /\d+$/.test(name) && file.kind(`/${name}`) === 'group') ? names.map((name) => `/${name}`) : [];
}

/** Collects the arrays below groups; counts what it meets, and says what it leaves out. */
class Walk {
  readonly #file: Hdf5File;
  readonly #warnings: string[];
  #objects = 0;
  /** Count where the present episode began. */
  #start = 0;
  #nextObs = 0;
  #dead: string[] = [];
  #loops: string[] = [];
  #deep: string[] = [];
  /** Sentences about episodes whose `num_samples` is wrong. */
  readonly miscounted: string[] = [];

  constructor(file: Hdf5File, warnings: string[]) {
    this.#file = file;
    this.#warnings = warnings;
  }

  /** Arrays below a group, by their path inside it (`obs/object`). */
  arrays(group: string): Map<string, Hdf5Array> {
    const found = new Map<string, Hdf5Array>();
    const above = group === '/' ? [] : [this.#file.identity('/'), this.#file.identity(group.slice(0, group.lastIndexOf('/')) || '/')];
    this.#start = this.#objects;
    this.#visit(group, '', above, found);
    return found;
  }

  warn(): void {
    const say = (paths: readonly string[], what: string): void => {
      if (paths.length > 0) this.#warnings.push(`${what}: ${list(paths)}.`);
    };
    if (this.#nextObs > 0) this.#warnings.push('next_obs is left out: it is obs, one frame later.');
    say(this.miscounted, 'num_samples is not the number of frames (the frames are what is used)');
    say(this.#dead.map(quote), 'Links that lead nowhere, or into another file, are left out');
    say(this.#loops.map(quote), 'Links that lead back to a group around them are left out');
    say(this.#deep.map(quote), `Groups more than ${MAX_GROUP_DEPTH} deep are left out`);
  }

  #visit(path: string, prefix: string, above: readonly string[], found: Map<string, Hdf5Array>): void {
    const self = this.#file.identity(path);
    if (above.includes(self)) return void this.#loops.push(path);
    if (prefix.split('/').length - 1 > MAX_GROUP_DEPTH) return void this.#deep.push(path);
    for (const name of this.#file.names(path)) {
      if (++this.#objects > MAX_OBJECTS) throw new UserError('too-large', `${quote(this.#file.path)} holds more than ${count(MAX_OBJECTS)} groups and arrays; split it into smaller files.`);
      if (this.#objects - this.#start > MAX_EPISODE_OBJECTS || found.size > MAX_COLUMNS) throw new UserError('too-large', `${quote(this.#file.path)} holds one episode of more than ${count(MAX_COLUMNS)} arrays (around ${quote(path)}); save those that are compared in a file of their own.`);
      if (name === 'next_obs') {
        this.#nextObs++;
        continue;
      }
      const place = `${path === '/' ? '' : path}/${name}`;
      const kind = this.#file.kind(place);
      if (kind === 'nothing') this.#dead.push(place);
      else if (kind === 'group') this.#visit(place, `${prefix}${name}/`, [...above, self], found);
      else found.set(`${prefix}${name}`, this.#file.describe(place));
    }
  }
}

/** robomimic's lists of episodes (train, valid, …): they are said, and all episodes are read. */
function filterKeys(file: Hdf5File): string[] {
  if (!file.names('/').includes('mask') || file.kind('/mask') !== 'group') return [];
  const keys = file.names('/mask').filter((name) => file.kind(`/mask/${name}`) === 'array');
  const sized = keys.map((name) => `${quote(name)} (${plural(file.describe(`/mask/${name}`).shape[0] ?? 1, 'episode')})`);
  return sized.length > 0 ? [`All episodes are read; the filter keys in mask choose none: ${list(sized, 6)}.`] : [];
}

/** The control frequency of robomimic's `env_args` or robosuite's `env_info`; else an attribute that is named so. */
function frameRate(file: Hdf5File, groups: readonly string[]): number | null {
  for (const group of groups) {
    for (const name of ['env_args', 'env_info']) {
      const text = file.attribute(group, name);
      const rate = typeof text === 'string' ? controlFrequency(text) : null;
      if (rate !== null) return rate;
    }
    for (const name of ['fps', 'control_freq']) {
      const rate = file.attribute(group, name);
      if (typeof rate === 'number' && rate > 0 && Number.isFinite(rate)) return rate;
    }
  }
  return null;
}

function controlFrequency(text: string): number | null {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    return null;
  }
  if (!isRecord(json)) return null;
  const inner = json['env_kwargs'];
  const rate = (isRecord(inner) ? inner['control_freq'] : undefined) ?? json['control_freq'];
  return typeof rate === 'number' && Number.isFinite(rate) && rate > 0 ? rate : null;
}
