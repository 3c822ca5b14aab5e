import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, test } from 'vitest';
import type { PairInfo } from '../../../src/core/pairing/pair-info.ts';
import { formatPairInfo, parsePairInfo } from '../../../src/core/pairing/pair-info.ts';
import { inspectHere, inspectInProcess, type Outcome } from '../../support/inspect.ts';
import { entry, pairInfo } from '../../support/pairing.ts';
import { demo as demoGroup, groupAt, hdf5 } from '../datasets/make-arrays.ts';

/* `inspect pair` and `inspect sampler` on files; one answer and one refusal as a person gets them, from a process of its own. */

const ROOT = resolve(import.meta.dirname, '../../..');
/** Real files, none of which may be committed: the folder `data` of OT_SHARED, or of `shared` beside the repository. */
const data = join(resolve(ROOT, process.env['OT_SHARED'] ?? '../shared'), 'data');
const present = existsSync(data);
const lift = ['session_1019_src.hdf5', 'session_1018_tgt.hdf5'].map((name) => join(data, 'robosuite_lift_hdf5', name));
const demo = (name: string): string => join(ROOT, 'public/demo', name);

let folder = '';
const at = (name: string): string => join(folder, name);
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'ot-pair-'));
  process.chdir(folder);
});
afterAll(() => {
  process.chdir(ROOT);
  rmSync(folder, { recursive: true, force: true });
});

function answerOf({ status, stdout, stderr }: Outcome): Record<string, unknown> {
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  return JSON.parse(stdout.trim().split('\n').at(-1)!);
}

const answer = async (...args: string[]): Promise<Record<string, unknown>> => answerOf(await inspectHere(...args));

function refusalOf({ status, stdout, stderr }: Outcome): string {
  expect({ status, stdout }).toEqual({ status: 1, stdout: '' });
  expect(stderr.trim()).not.toContain('\n');
  return stderr.trim();
}

const pairsOf = (path: string): PairInfo => parsePairInfo(readFileSync(path, 'utf8'), path).pairs;

/** The same episodes in the same order, the same frames, and distances within 1e-6. */
function expectSamePairs(got: PairInfo, expected: PairInfo, nameOf = (name: string): string => name): void {
  expect([...got.keys()].map(nameOf)).toEqual([...expected.keys()]);
  for (const [target, entries] of got) {
    const wanted = expected.get(nameOf(target))!;
    expect(entries.map(({ source, frames }) => ({ source: nameOf(source), frames }))).toEqual(wanted.map(({ source, frames }) => ({ source, frames })));
    for (const [k, { distance }] of entries.entries()) expect(Math.abs(distance! / wanted[k]!.distance! - 1)).toBeLessThan(1e-6);
  }
}

describe('inspect pair', () => {
  it.skipIf(!present)('writes piper_jan.json again (skipped where there is no shared data folder)', async () => {
    const report = await answer('pair', join(data, 'piper_smolvla_v30_src'), join(data, 'piper_act_v30_tgt'), '--feature', 'observation.state', '--formula', 'path', '--episodes-src', '0:6', '--episodes-tgt', '0:4', '--out', 'piper.json');
    expect(report).toEqual({ pairs: 24, warnings: [] });
    expectSamePairs(pairsOf(at('piper.json')), pairsOf(join(data, 'pair_info/piper_jan.json')));
  });

  it.skipIf(!present)('writes robosuite_lift_dec.json again (skipped where there is no shared data folder)', async () => {
    const report = await answer('pair', ...lift, '--feature', 'states[1:9]', '--formula', 'norm', '--out', 'lift.json');
    expect(report).toEqual({ pairs: 36, warnings: [] });
    const got = pairsOf(at('lift.json'));
    expect([...got.keys()]).toEqual(['demo_1', 'demo_2', 'demo_3', 'demo_4']);
    // The file was written by a tool that renames episodes.
    expectSamePairs(got, pairsOf(join(data, 'pair_info/robosuite_lift_dec.json')), (name) => `episode_${name.replace('demo_', '').padStart(4, '0')}`);
  });

  it('pairs the demo by several features, with every option', async () => {
    const report = answerOf(await inspectInProcess('pair', demo('sim_pick'), demo('real_pick'), '--feature', 'observation.state[0:2]', '--feature', 'action[1:]', '--formula', 'norm', '--episodes-src', '3:8', '--episodes-tgt', '1,4', '--stride', '2', '--window', '10', '--topk', '3', '--out', at('demo.json')));
    expect(report['pairs']).toBe(6);
    expect(report['warnings']).toContainEqual(expect.stringContaining('With a stride of 2'));
    const pairs = pairsOf(at('demo.json'));
    expect([...pairs.keys()]).toEqual(['episode_0001', 'episode_0004']);
    for (const entries of pairs.values()) for (const { frames } of entries) expect([...frames.targets, ...frames.sources].every((frame) => frame % 2 === 0)).toBe(true);
    // Plain [s, …], which both code bases read.
    const json = JSON.parse(readFileSync(at('demo.json'), 'utf8')) as Record<string, { pairing: Record<string, unknown[]> }[]>;
    expect(Object.values(json['episode_0001']![0]!.pairing).flat().every((frame) => typeof frame === 'number')).toBe(true);
  });

  it('says where the frame rates differ, and names episodes as their files do', async () => {
    for (const [name, rate] of [['fast', 20], ['slow', 10]] as const)
      writeFileSync(at(`${name}.hdf5`), new Uint8Array(await hdf5({ data: { demo_1: demoGroup(1, 6), demo_3: demoGroup(3, 5) } }, (made) => groupAt(made, 'data').create_attribute('env_args', JSON.stringify({ env_kwargs: { control_freq: rate } })))));
    expect(await answer('pair', 'fast.hdf5', 'slow.hdf5', '--feature', 'states[0:2]', '--formula', 'norm', '--out', 'rates.json')).toEqual({ pairs: 4, warnings: ['The source has 20 frames a second and the target 10; frames are paired whatever their times.'] });
    expect([...pairsOf(at('rates.json')).keys()]).toEqual(['demo_1', 'demo_3']);
  });

  const given = ['--feature', 'observation.state', '--formula', 'path', '--out', 'none.json'];
  const both = [demo('sim_pick'), demo('real_pick')];
  it.each<[string, string[], RegExp]>([
    ['one dataset', [both[0]!, ...given], /^inspect pair takes two datasets/],
    ['no formula', [...both, '--feature', 'action', '--out', 'x'], /^--formula is missing; it must be path or norm\.$/],
    ['no feature', [...both, '--formula', 'path', '--out', 'x'], /^--feature is missing/],
    ['no file to write', [...both, '--formula', 'path', '--feature', 'action'], /^--out is missing/],
    ['a slice of letters', [...both, ...given, '--feature', 'action[a:b]'], /^--feature takes a column and, if wanted, a half-open slice/],
    ['a stride of 0', [...both, ...given, '--stride', '0'], /^--stride is "0"; it must be a whole number of at least 1\.$/],
    ['a negative window', [...both, ...given, '--window', '-3'], /^--window is "-3"/],
    ['a column that is not there', [...both, ...given, '--feature', 'joints'], /^“sim_pick” has no “joints”; its columns of numbers are “/],
    ['a slice beyond the axis', [...both, ...given, '--feature', 'observation.state[0:99]'], /^The slice 0:99 of “observation\.state” lies outside/],
    ['episodes beyond the last', [...both, ...given, '--episodes-tgt', '0:9999'], /^The range 0:9999 in the target episodes goes past the end/],
    ['a folder without data', [demo('sim_pick'), '.', ...given], /./],
    ['a folder to write into that is not there', [...both, ...given, '--episodes-src', '0:1', '--episodes-tgt', '0:1', '--out', 'no/such.json'], /^no\/such\.json cannot be written/],
  ])('refuses %s in one sentence', async (_, args, sentence) => {
    expect(refusalOf(await inspectHere('pair', ...args))).toMatch(sentence);
    expect(existsSync(at('none.json'))).toBe(false);
  });
});

test.each([['pair', /^inspect pair takes two datasets/], ['sampler', /^inspect sampler takes one path/]] as const)('a process that refuses ends with its sentence and status 1: inspect %s', async (command, sentence) => {
  expect(refusalOf(await inspectInProcess(command))).toMatch(sentence);
});

describe('inspect sampler', () => {
  const lengths = ['--src-lengths', '4,6', '--tgt-lengths', '3'];
  const samples = (name: string): unknown => JSON.parse(readFileSync(at(name), 'utf8'));
  beforeAll(() => {
    writeFileSync(at('p.json'), formatPairInfo(pairInfo({ e0: [entry('s0', 0.01, [[0, [1]], [1, [2, 3]], [2, [3]]]), entry('s1', 0.01, [[0, [0, 1]], [1, [3]], [2, [5]]])] })));
    writeFileSync(at('third.json'), JSON.stringify({ demo_0: { paired_demos: [{ demo_name: 'demo_1', dtw_dist: 1 }], pairing: {} } }));
    writeFileSync(at('latin.json'), Buffer.from('{"d\xe9": []}', 'latin1'));
    writeFileSync(at('far.json'), formatPairInfo(pairInfo({ e0: [entry('s0', 1e308, [[0, [1]]])] })));
  });

  it('writes what the LeRobot fork draws, its leak included', async () => {
    expect(answerOf(await inspectInProcess('sampler', 'p.json', '--convention', 'lerobot', ...lengths, '--window', '2', '--out', 'l.json'))).toEqual({ samples: 3, warnings: [] });
    expect(samples('l.json')).toEqual([
      { target: 0, candidates: [1, 4, 5], probabilities: [1 / 3, 1 / 3, 1 / 3], range: [0, 7] },
      { target: 1, candidates: [2, 3, 7], probabilities: [1 / 3, 1 / 3, 1 / 3], range: [0, 9] },
      { target: 2, candidates: [3, 9], probabilities: [0.5, 0.5], range: [1, 9] },
    ]);
  });

  it('writes what robomimic draws, its lopsided window included', async () => {
    expect(await answer('sampler', 'p.json', '--convention', 'robomimic', ...lengths, '--window', '2', '--out', 'r.json')).toEqual({ samples: 3, warnings: [] });
    expect(samples('r.json')).toEqual([
      { target: 0, candidates: [1, 4, 5], probabilities: [0.5, 0.25, 0.25], range: [0, 6] },
      { target: 1, candidates: [2, 3, 7], probabilities: [0.25, 0.25, 0.5], range: [0, 8] },
      { target: 2, candidates: [3, 9], probabilities: [0.5, 0.5], range: [1, 9] },
    ]);
  });

  it('with --no-window names the candidates all the same, and reaches their whole episodes', async () => {
    for (const convention of ['lerobot', 'robomimic']) {
      await answer('sampler', 'p.json', '--convention', convention, ...lengths, '--no-window', '--out', 'n.json');
      expect(samples('n.json')).toMatchObject([{ candidates: [1, 4, 5], range: [0, 9] }, { candidates: [2, 3, 7] }, {}]);
    }
  });

  it('without --window gives robomimic’s candidates, and says that it would raise', async () => {
    expect(await answer('sampler', 'p.json', '--convention', 'robomimic', ...lengths, '--topk', '1', '--out', 'w.json')).toEqual({
      samples: 3,
      warnings: ['robomimic has no top-k; --topk was ignored.', 'robomimic has no default window, and raises an error at 0; without --window the ranges are those of the candidates alone.'],
    });
    expect(samples('w.json')).toMatchObject([{ range: [1, 5] }, { range: [2, 7] }, { range: [3, 9] }]);
  });

  it('skips and counts what is not there', async () => {
    const report = await answer('sampler', 'p.json', '--convention', 'lerobot', '--src-lengths', '4', '--tgt-lengths', '2', '--out', 's.json');
    expect(report).toMatchObject({ samples: 2, warnings: [expect.stringMatching(/^5 of 8 frame pairs lie outside the datasets and were skipped/), expect.any(String), expect.any(String)] });
    expect(samples('s.json')).toMatchObject([{ target: 0, candidates: [1] }, { target: 1, candidates: [2, 3] }]);
  });

  it.each<[string, string[], RegExp]>([
    ['no file', ['--convention', 'lerobot'], /^inspect sampler takes one path/],
    ['a file that is not there', ['gone.json', '--convention', 'lerobot', ...lengths, '--out', 'x'], /^gone\.json cannot be read/],
    ['a convention of its own', ['p.json', '--convention', 'ours', ...lengths, '--out', 'x'], /^--convention is "ours"; it must be robomimic or lerobot\.$/],
    ['no lengths', ['p.json', '--convention', 'lerobot', '--src-lengths', '4', '--out', 'x'], /^--tgt-lengths is missing/],
    ['lengths that are none', ['p.json', '--convention', 'lerobot', '--src-lengths', '4,,6', '--tgt-lengths', '3', '--out', 'x'], /^--src-lengths is "4,,6"/],
    ['more frames than there are numbers', ['p.json', '--convention', 'lerobot', '--src-lengths', '9999999999', '--tgt-lengths', '3', '--out', 'x'], /^--src-lengths has more than/],
    ['robomimic at W = 0', ['p.json', '--convention', 'robomimic', ...lengths, '--window', '0', '--out', 'x'], /^A window of 0 leaves robomimic no frame to draw/],
    ['a sharpness that is none', ['p.json', '--convention', 'lerobot', ...lengths, '--sharpness', 'inf', '--out', 'x'], /^--sharpness is "inf"; it must be a finite number\.$/],
    ['the third-party layout', ['third.json', '--convention', 'lerobot', ...lengths, '--out', 'x'], /^“third\.json” has the field paired_demos.*the fields expected are demo_name, raw_dtw_dist and pairing/],
    ['what is no UTF-8', ['latin.json', '--convention', 'lerobot', ...lengths, '--out', 'x'], /^latin\.json is not text in UTF-8; a pair_info file is JSON\.$/],
    ['weights that are all 0', ['far.json', '--convention', 'robomimic', ...lengths, '--window', '1', '--out', 'x'], /^No pair is left to draw\. The weight of 1 episode pair is exactly 0 at sharpness 50/],
    ['nothing left', ['p.json', '--convention', 'lerobot', ...lengths, '--base-index-tgt', '1', '--out', 'x'], /^No pair is left to draw\. 8 of 8 frame pairs lie outside the datasets/],
  ])('refuses %s in one sentence', async (_, args, sentence) => {
    expect(refusalOf(await inspectHere('sampler', ...args))).toMatch(sentence);
    expect(existsSync(at('x'))).toBe(false);
  });

  it.skipIf(!present)('finds a wrong base index by the lengths (skipped where there is no shared data folder)', async () => {
    const of = (base: string): Promise<Record<string, unknown>> =>
      answer('sampler', join(data, 'pair_info/robosuite_lift_dec.json'), '--convention', 'lerobot', '--src-lengths', '104,100,298,92,81,126,73,131,82', '--tgt-lengths', '85,83,143,116', '--base-index-src', base, '--base-index-tgt', base, '--out', 'b.json');
    expect(await of('1')).toEqual({ samples: 427, warnings: [] });
    expect(await of('0')).toMatchObject({ samples: 282, warnings: [expect.any(String), expect.stringContaining('base index 1 fits 4 of them'), expect.stringContaining('base index 1 fits 9 of them')] });
  });
});
