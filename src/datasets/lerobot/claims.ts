import type { Episode, Feature, InputFile } from '../types.ts';
import { count, list, plural, quote } from '../words.ts';
import type { EpisodeClaims } from './episodes.ts';
import type { Info } from './info.ts';
import { followsTemplate } from './template.ts';

/** What was found in the bytes, to hold the meta files against. */
export interface Findings {
  readonly files: ReadonlyMap<string, InputFile>;
  readonly tables: readonly string[];
  readonly episodes: readonly Episode[];
  readonly frames: number;
  readonly features: ReadonlyMap<string, Feature>;
}

/** Compare the meta files with the bytes: one sentence a disagreement. The bytes are what is used in every case. */
export function compareClaims(info: Info, claims: EpisodeClaims, found: Findings): string[] {
  return [
    ...compareTotals(info, found),
    ...compareEpisodes(info, claims, found),
    ...compareTemplate(info, found),
    ...compareFeatures(info, found),
    ...compareVideos(info, found),
  ];
}

function compareTotals(info: Info, found: Findings): string[] {
  const wrong: string[] = [];
  const differ = (claimed: number | null, actual: number, noun: string): void => {
    if (claimed !== null && claimed !== actual) wrong.push(`${plural(claimed, noun)} (found ${count(actual)})`);
  };
  differ(info.episodes, found.episodes.length, 'episode');
  differ(info.frames, found.frames, 'frame');
  return wrong.length > 0 ? [`${quote(info.path)} declares ${wrong.join(' and ')}; the tables are what is used.`] : [];
}

function compareEpisodes(info: Info, claims: EpisodeClaims, found: Findings): string[] {
  if (!claims) return [];
  const warnings: string[] = [];
  const empty = [...claims].filter(([, length]) => length === 0).map(([index]) => String(index));
  if (empty.length > 0) warnings.push(`The meta folder lists ${plural(empty.length, 'episode')} of zero length (${list(empty)}).`);
  const unlisted = found.episodes.filter((episode) => !claims.has(episode.index)).map((episode) => String(episode.index));
  if (unlisted.length > 0) {
    warnings.push(`The meta folder does not list ${plural(unlisted.length, 'episode')} that the tables hold (${list(unlisted)}).`);
  }
  const differing = found.episodes.flatMap((episode) => {
    const claimed = claims.get(episode.index);
    return claimed === undefined || claimed === 0 || claimed === episode.length ? [] : [`${episode.index}: ${claimed} listed, ${episode.length} found`];
  });
  if (differing.length > 0) warnings.push(`The meta folder gives another length for ${plural(differing.length, 'episode')} (${list(differing)}).`);
  // A shard of a dataset misses most of it: the totals have said so already.
  if (info.episodes !== null && info.episodes !== found.episodes.length) return warnings;
  const here = new Set(found.episodes.map((episode) => episode.index));
  const missing = [...claims].filter(([index, length]) => length !== 0 && !here.has(index)).map(([index]) => String(index));
  if (missing.length > 0) {
    warnings.push(
      `${plural(missing.length, 'episode')} of the meta folder ${missing.length === 1 ? 'is' : 'are'} not in the tables (${list(missing)}).`,
    );
  }
  return warnings;
}

function compareTemplate({ dataPath, path, chunkSize }: Info, found: Findings): string[] {
  if (dataPath === null) return [];
  const off = found.tables.filter((table) => !followsTemplate(dataPath, table, chunkSize));
  if (off.length === 0) return [];
  return [`data_path in ${quote(path)} does not lead to ${plural(off.length, 'table')} (${list(off.map(quote), 1)}); the files were found by looking.`];
}

function compareFeatures(info: Info, found: Findings): string[] {
  const warnings: string[] = [];
  const retyped: string[] = [];
  for (const [key, claim] of info.features) {
    const feature = found.features.get(key);
    if (!feature?.values) continue;
    if (claim.dtype !== null && claim.dtype !== feature.dtype) retyped.push(`${quote(key)} (${claim.dtype}, stored ${feature.dtype})`);
  }
  if (retyped.length > 0) warnings.push(`${quote(info.path)} gives another type than is stored for ${list(retyped)}.`);
  const extra = [...found.features.keys()].filter((key) => !info.features.has(key));
  if (extra.length > 0 && info.features.size > 0) {
    warnings.push(`${quote(info.path)} does not mention ${plural(extra.length, 'column')} of the tables (${list(extra.map(quote))}).`);
  }
  return warnings;
}

/** Cameras that are declared as videos but whose files did not come along, or lie elsewhere than declared. */
function compareVideos({ features, videoPath, path, chunkSize }: Info, found: Findings): string[] {
  const ghosts: string[] = [];
  const moved: string[] = [];
  const videos = [...found.files.keys()].filter((file) => /\.(mp4|mkv|webm|avi|mov)$/i.test(file));
  const partial: string[] = [];
  let declared = 0;
  for (const [key, claim] of features) {
    if (claim.dtype !== 'video') continue;
    declared++;
    const own = videos.filter((file) => file.split('/').includes(key));
    if (own.length === 0) ghosts.push(quote(key));
    else if (videoPath !== null && !own.some((file) => followsTemplate(videoPath, file, chunkSize))) moved.push(`${quote(key)} (${quote(own[0] ?? '')})`);
    const without = withoutVideo(own, found.episodes);
    if (without > 0) partial.push(`${count(without)} of ${plural(found.episodes.length, 'episode')} have no video file of ${quote(key)}.`);
  }
  const warnings = partial;
  if (ghosts.length > 0 && ghosts.length === declared && videos.length === 0) {
    warnings.push(
      `No video files came along: ${list(ghosts)} cannot be shown.`,
    );
  }
  else if (ghosts.length > 0) warnings.push(`There are no video files of ${list(ghosts)}, which ${quote(path)} declares.`);
  if (moved.length > 0) warnings.push(`video_path in ${quote(path)} does not lead to the videos of ${list(moved)}; the files were found by looking.`);
  return warnings;
}

/** v2 keeps one video an episode, named by it. v3 puts many episodes into one file, so names tell nothing there. */
function withoutVideo(videos: readonly string[], episodes: readonly Episode[]): number {
  const numbers = videos.map((file) => /(?:^|\/)episode_(\d+)\.\w+$/.exec(file)?.[1]);
  if (videos.length === 0 || numbers.includes(undefined)) return 0;
  const there = new Set(numbers.map(Number));
  return episodes.filter((episode) => !there.has(episode.index)).length;
}
