import { readFile, stat } from 'node:fs/promises';
import { basename } from 'node:path';
import { parseArgs } from 'node:util';
import { UserError } from '../../src/base/errors.ts';
import { reach } from '../../src/core/pairing/draw-pairs.ts';
import { MAX_PAIR_INFO_BYTES, parsePairInfo, tooLarge } from '../../src/core/pairing/pair-info.ts';
import type { PairedSample } from '../../src/core/pairing/sampler.ts';
import { pairedSamples } from '../../src/core/pairing/sampler.ts';
import { lerobotSampler, robomimicSampler } from '../../src/core/pairing/sampler-settings.ts';
import type { SamplerSettings } from '../../src/core/pairing/sampler-settings.ts';
import { sideOfLengths } from '../../src/core/pairing/sides.ts';
import { joinNegative, realOption, wholeOption, writeOut } from './options.ts';

/** What `inspect sampler` prints. */
interface SamplerReport {
  /** Target frames that can be drawn. */
  readonly samples: number;
  readonly warnings: readonly string[];
}

const text = { type: 'string' } as const;
const options = {
  convention: text,
  'src-lengths': text,
  'tgt-lengths': text,
  sharpness: text,
  cutoff: text,
  window: text,
  'no-window': { type: 'boolean', default: false },
  topk: text,
  'base-index-src': text,
  'base-index-tgt': text,
  out: text,
} as const;

/** Frames of one side. */
const MAX_FRAMES = 2 ** 31 - 1;

/**
 * `inspect sampler <pair_info.json> --convention robomimic|lerobot --src-lengths 268,224,… --tgt-lengths … [--sharpness X]
 * [--cutoff X] [--window W] [--no-window] [--topk K] [--base-index-src I] [--base-index-tgt I] --out FILE`: every target
 * frame that the code base can draw, the exact probability of each source frame, and how far its window reaches.
 */
export async function inspectSampler(args: readonly string[]): Promise<SamplerReport> {
  const { values, positionals } = parseArgs({ args: joinNegative(args), options, allowPositionals: true });
  const [path, ...rest] = positionals;
  if (path === undefined || rest.length > 0) throw new UserError('usage', 'inspect sampler takes one path: a pair_info file.');
  const { out } = values;
  if (out === undefined) throw new UserError('usage', '--out is missing; name the file to write.');
  const { settings, notes } = settingsOf(values);
  const source = sideOfLengths(lengthsOption('src-lengths', values['src-lengths']), wholeOption('base-index-src', values['base-index-src'], -MAX_FRAMES) ?? 0);
  const target = sideOfLengths(lengthsOption('tgt-lengths', values['tgt-lengths']), wholeOption('base-index-tgt', values['base-index-tgt'], -MAX_FRAMES) ?? 0);
  const read = await readPairInfo(path);
  const { samples, warnings } = pairedSamples(read.pairs, source, target, settings);
  await writeOut(out, listed(samples, settings, source.frames));
  return { samples: samples.length, warnings: [...notes, ...read.warnings, ...warnings] };
}

type Values = ReturnType<typeof parseArgs<{ options: typeof options }>>['values'];

/** The convention with its own defaults, and what of the options it does not have. */
function settingsOf(values: Values): { settings: SamplerSettings; notes: string[] } {
  const { convention } = values;
  if (convention !== 'robomimic' && convention !== 'lerobot') throw new UserError('usage', `--convention is ${convention === undefined ? 'missing' : `"${convention}"`}; it must be robomimic or lerobot.`);
  const given = wholeOption('window', values.window, 0);
  const sharpness = realOption('sharpness', values.sharpness);
  const cutoff = realOption('cutoff', values.cutoff);
  // The fork's own words for "all of them" are null, -1 and 0.
  const topk = wholeOption('topk', values.topk, -1) ?? 0;
  const common = { ...(sharpness === undefined ? {} : { sharpness }), window: given ?? 0, noWindow: values['no-window'] ?? false };
  if (convention === 'lerobot') return { settings: lerobotSampler({ ...common, topk: topk > 0 ? topk : null }), notes: cutoff === undefined ? [] : ['The LeRobot fork has no cutoff; --cutoff was ignored.'] };
  const notes = values.topk === undefined ? [] : ['robomimic has no top-k; --topk was ignored.'];
  const settings = robomimicSampler({ ...common, ...(cutoff === undefined ? {} : { cutoff }) });
  if (given !== undefined || common.noWindow) return { settings, notes };
  return { settings: { ...settings, offsets: 'symmetric' }, notes: [...notes, 'robomimic has no default window, and raises an error at 0; without --window the ranges are those of the candidates alone.'] };
}

function lengthsOption(name: string, value: string | undefined): number[] {
  if (value === undefined) throw new UserError('usage', `--${name} is missing; give the frames of each episode, as in --${name} 268,224.`);
  const lengths = value.split(',').map((part) => (/^\s*\d{1,10}\s*$/.test(part) ? Number(part) : Number.NaN));
  if (lengths.some(Number.isNaN)) throw new UserError('usage', `--${name} is "${value.length > 80 ? `${value.slice(0, 79)}…` : value}"; it must be whole numbers with commas between them, as in 268,224.`);
  if (lengths.reduce((sum, length) => sum + length, 0) > MAX_FRAMES) throw new UserError('usage', `--${name} has more than ${MAX_FRAMES} frames in all; such a dataset cannot be sampled here.`);
  return lengths;
}

async function readPairInfo(path: string): Promise<ReturnType<typeof parsePairInfo>> {
  const unreadable = (): never => {
    throw new UserError('no-file', `${path} cannot be read. Name an existing pair_info file.`);
  };
  const { size } = await stat(path).catch(unreadable);
  if (size > MAX_PAIR_INFO_BYTES) throw tooLarge(basename(path), size);
  const bytes = await readFile(path).catch(unreadable);
  return parsePairInfo(textOf(bytes, path), basename(path));
}

function textOf(bytes: Uint8Array, path: string): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    throw new UserError('bad-pair-info', `${path} is not text in UTF-8; a pair_info file is JSON.`);
  }
}

/** The file, a sample a line, in pieces: a long one is larger than a string may be. */
function* listed(samples: readonly PairedSample[], settings: SamplerSettings, sourceFrames: number): Generator<string> {
  for (const [k, sample] of samples.entries()) {
    const { low, high } = reach(sample, settings, sourceFrames);
    const { target, candidates, probabilities } = sample;
    yield `${k === 0 ? '[' : ',\n'}${JSON.stringify({ target, candidates: [...candidates], probabilities: [...probabilities], range: [low, high] })}`;
  }
  yield ']\n';
}
