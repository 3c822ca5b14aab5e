import { parseArgs } from 'node:util';
import { UserError } from '../../src/base/errors.ts';
import { quote } from '../../src/base/words.ts';
import { parseRanges } from '../../src/config/ranges.ts';
import { pairEpisodes, rateWarnings, runPairing } from '../../src/core/pairing/pair-episodes.ts';
import { formatPairInfo } from '../../src/core/pairing/pair-info.ts';
import type { PairingFeature, Trajectories } from '../../src/core/pairing/trajectories.ts';
import { trajectories } from '../../src/core/pairing/trajectories.ts';
import type { Dataset } from '../../src/datasets/types.ts';
import { readInChild } from '../node/read-dataset.ts';
import { joinNegative, wholeOption, writeOut } from './options.ts';

/** What `inspect pair` prints. */
interface PairReport {
  /** Pairs of a target and a source episode that were written. */
  readonly pairs: number;
  readonly warnings: readonly string[];
}

/**
 * `inspect pair <source> <target> --feature KEY[a:b] … --formula path|norm [--episodes-src 0:6] [--episodes-tgt 0:4]
 * [--stride K] [--window W] [--topk K] --out pair_info.json`: pairs the episodes of two datasets by DTW.
 */
export async function inspectPair(args: readonly string[]): Promise<PairReport> {
  const text = { type: 'string' } as const;
  const { values, positionals } = parseArgs({
    args: joinNegative(args),
    options: { feature: { ...text, multiple: true, default: [] }, formula: text, 'episodes-src': text, 'episodes-tgt': text, stride: text, window: text, topk: text, out: text },
    allowPositionals: true,
  });
  const [sourcePath, targetPath, ...rest] = positionals;
  if (sourcePath === undefined || targetPath === undefined || rest.length > 0) throw new UserError('usage', 'inspect pair takes two datasets, the source and the target.');
  const { formula, out } = values;
  if (formula !== 'path' && formula !== 'norm') throw new UserError('usage', `--formula is ${formula === undefined ? 'missing' : `"${formula}"`}; it must be path or norm.`);
  if (values.feature.length === 0) throw new UserError('usage', '--feature is missing; name the column to compare by, as in --feature observation.state or --feature "states[1:9]".');
  if (out === undefined) throw new UserError('usage', '--out is missing; name the pair_info file to write.');
  const features = values.feature.map(featureOption);
  const options = { formula, stride: wholeOption('stride', values.stride, 1) ?? 1, window: wholeOption('window', values.window, 0) ?? null, topk: wholeOption('topk', values.topk, 1) ?? null } as const;
  const sourceData = await readInChild(sourcePath);
  const targetData = await readInChild(targetPath);
  const source = chosen(sourceData, features, values['episodes-src'], 'source');
  const target = chosen(targetData, features, values['episodes-tgt'], 'target');
  if (source.width !== target.width) throw new UserError('width-mismatch', `The chosen features have ${source.width} numbers a frame in ${quote(sourceData.name)} and ${target.width} in ${quote(targetData.name)}; slice both to the same dimensions.`);
  const { pairs, warnings } = runPairing(pairEpisodes(source.trajectories, target.trajectories, source.width, options));
  await writeOut(out, formatPairInfo(pairs));
  return { pairs: [...pairs.values()].reduce((sum, entries) => sum + entries.length, 0), warnings: [...rateWarnings(sourceData.fps, targetData.fps), ...warnings] };
}

/** `KEY`, or `KEY[a:b]` with either end left out. Keys may hold brackets themselves: only the last pair is a slice. */
function featureOption(text: string): PairingFeature {
  const match = /^(.+)\[(\d*):(\d*)\]$/s.exec(text);
  if (match) return { key: match[1]!, slice: [Number(match[2]), match[3] === '' ? null : Number(match[3])] };
  if (text === '' || /\[[^\]]*:[^\]]*\]$/.test(text)) throw new UserError('usage', `--feature takes a column and, if wanted, a half-open slice of its last axis, as in states[1:9], and not "${text}".`);
  return { key: text, slice: null };
}

function chosen(dataset: Dataset, features: readonly PairingFeature[], ranges: string | undefined, side: string): Trajectories {
  const columns = new Map([...dataset.features].map(([key, { values, shape }]) => [key, values && { values, shape }]));
  // Naming an episode twice must not pair it twice.
  const places = new Set(parseRanges(ranges ?? '', dataset.episodes.length, `${side} episodes`));
  return trajectories(columns, [...places].map((place) => dataset.episodes[place]!), features, dataset.name);
}
