import type { LocatedTables } from '../locate.ts';
import { checkCancelled } from '../progress.ts';
import type { Dataset, Episode, Feature, InputFile, ReadOptions } from '../types.ts';
import { cut, quote } from '../words.ts';
import { compareClaims } from './claims.ts';
import { readEpisodeClaims } from './episodes.ts';
import { buildFeatures } from './features.ts';
import { readFrames } from './frames.ts';
import type { Info } from './info.ts';
import { readInfo } from './info.ts';
import { orderFrames } from './order.ts';

/**
 * Read a LeRobotDataset (v2.0, v2.1, v3.0) or bare frame tables. Frames and episodes are what the tables hold; the
 * meta folder adds names, order and frame rate, and everything else it says is only checked.
 */
export async function readLeRobot(located: LocatedTables, options: ReadOptions): Promise<Dataset> {
  checkCancelled(options);
  const warnings = [...located.warnings];
  const { files } = located;
  const infoFile = files.get('meta/info.json') ?? files.get('info.json');
  const info = infoFile ? await readInfo(infoFile, warnings) : null;
  const claims = await readEpisodeClaims(files, options, warnings);
  const frames = await readFrames(located.tables, options, warnings);
  const order = orderFrames(frames, warnings);
  const features = buildFeatures(frames, order, info, options, warnings);
  const version = info ? findVersion(info, files, frames.tables, warnings) : 'bare';
  if (info) warnings.push(...compareClaims(info, claims, { files, tables: frames.tables, episodes: order.episodes, frames: frames.count, features }));
  else warnings.push('There is no readable meta/info.json, so the frame rate and the names of joints are unknown.');
  const rate = info && compareRate(info, features, order.episodes);
  if (rate) warnings.push(rate);
  return {
    name: located.name,
    format: 'lerobot',
    version,
    fps: info?.fps ?? null,
    frames: frames.count,
    episodes: order.episodes,
    features,
    fingerprint: frames.fingerprint,
    warnings: cut(warnings),
  };
}

/** The declared version where the files are laid out that way; the layout's otherwise. */
function findVersion(info: Info, files: ReadonlyMap<string, InputFile>, tables: readonly string[], warnings: string[]): string {
  const episodeFiles = tables.every((path) => /(^|\/)episode_\d+\.parquet$/.test(path));
  const sharedFiles = tables.every((path) => /(^|\/)file-\d+\.parquet$/.test(path));
  const v2 = files.has('meta/episodes_stats.jsonl') ? 'v2.1' : 'v2.0';
  const layout = sharedFiles ? 'v3.0' : v2;
  const declared = info.version === null ? null : `v${info.version.replace(/^v/i, '')}`;
  if (declared === 'v2.0' || declared === 'v2.1') {
    if (!sharedFiles) return declared;
  } else if (declared === 'v3.0' && !episodeFiles) return declared;
  warnings.push(
    `${quote(info.path)} ${declared === null ? 'gives no version' : `declares version ${quote(declared)}`}; the files are laid out as ${layout}.`,
  );
  return layout;
}

/** Compare the declared frame rate with the time stamps: a wrong one makes every duration wrong. */
function compareRate({ path, fps }: Info, features: ReadonlyMap<string, Feature>, episodes: readonly Episode[]): string | null {
  const stamps = features.get('timestamp')?.values;
  const longest = episodes.reduce<Episode | null>((best, episode) => (best && best.length >= episode.length ? best : episode), null);
  if (!stamps || fps === null || !longest || longest.length < 3) return null;
  const steps = Float64Array.from({ length: longest.length - 1 }, (_, k) => stamps[longest.start + k + 1]! - stamps[longest.start + k]!);
  const median = steps.toSorted()[steps.length >> 1]!;
  if (!(median > 0) || Math.abs(median * fps - 1) <= 0.1) return null;
  return `${quote(path)} declares ${fps} frames a second, but time stamps are ${Number(median.toPrecision(3))} s apart (${Number((1 / median).toPrecision(3))} a second).`;
}
