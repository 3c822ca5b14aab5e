import { beforeAll, describe, expect, it } from 'vitest';
import { demoEncoderFile } from '../../../scripts/node/demo-encoder.ts';
import { DEFAULT_SESSION, type Session } from '../../../src/config/session.ts';
import { compare, summarise } from '../../../src/core/experiment/summary.ts';
import type { LoadedEncoder } from '../../../src/encoders/load.ts';
import { Experimenter, type RunResult } from '../../../src/engine/experiment.ts';

/** Pairs by ground truth: DTW takes a second a world. */
const SHORT: Session = { ...DEFAULT_SESSION, pairing: { kind: 'truth' }, policy: { ...DEFAULT_SESSION.policy, steps: 6 } };
const now = (): Promise<void> => Promise.resolve();
const figures = (run: RunResult): RunResult => ({ ...run, seconds: 0 });

describe('a run of an experiment', () => {
  let encoder: LoadedEncoder;
  beforeAll(async () => {
    encoder = await demoEncoderFile();
  });
  const experimenter = (session = SHORT): Experimenter => new Experimenter({ session, encoders: [encoder], attempts: 3 }, {});

  it('is the same whichever runs came before it', async () => {
    const first = await experimenter().run({ method: 'uot', seed: 2 }, now);
    const other = experimenter();
    const cotrained = await other.run({ method: 'cotrain', seed: 2 }, now);
    expect(figures(await other.run({ method: 'uot', seed: 2 }, now))).toEqual(figures(first));
    expect(cotrained.bc).not.toBe(first.bc);
  }, 120_000);

  it('says how it went along the way, and no mass where there is no plan', async () => {
    const shares: number[] = [];
    const { curve, ...run } = await experimenter().run({ method: 'energy/random', seed: 0 }, (share) => {
      shares.push(share);
      return now();
    });
    expect(shares.every((share, k) => share >= 0 && share <= 1 && share >= (shares[k - 1] ?? 0))).toBe(true);
    expect(curve.at(-1)).toMatchObject({ step: 6, mass: null, probe: run.probeOod });
    expect(curve.filter(({ probe }) => probe !== null).length).toBeGreaterThan(2);
    expect(curve.every(({ bc, variance }) => bc > 0 && variance > 0)).toBe(true);
    // The page's batch is solved for every method alike.
    expect(run.mass).toBeGreaterThan(0);
    expect(run.phaseError).toBeGreaterThan(0);
    expect([run.id, run.ood].every((count) => Number.isInteger(count) && count >= 0 && count <= run.attempts)).toBe(true);
  }, 120_000);

  it('ends where its pace says so', async () => {
    await expect(experimenter().run({ method: 'uot', seed: 0 }, () => Promise.reject(new Error('enough')))).rejects.toThrow('enough');
  });

  it('needs the demo’s data, pairs that can be made anew, a method that there is, and an encoder that learns', async () => {
    const refused = (changes: Partial<Session>): void => void experimenter({ ...SHORT, ...changes });
    expect(() => refused({ target: { kind: 'none' } })).toThrow(expect.objectContaining({ code: 'experiment-data' }) as Error);
    expect(() => refused({ pairing: { kind: 'file', name: 'pair_info.json', fingerprint: 'a'.repeat(64) } })).toThrow(expect.objectContaining({ code: 'experiment-pairing' }) as Error);
    await expect(experimenter().run({ method: 'nonsense', seed: 0 }, now)).rejects.toMatchObject({ code: 'bad-method' });
    await expect(experimenter({ ...SHORT, features: SHORT.features.slice(1) }).run({ method: 'uot', seed: 0 }, now)).rejects.toMatchObject({ code: 'train-no-encoder' });
  });
});

describe('a summary', () => {
  const run = (method: string, seed: number, ood: number): RunResult => ({ method, seed, attempts: 10, id: 5, ood, probeId: 0.1, probeOod: 0.2, mass: 0.5, phaseError: 0.04, sourceVariance: 1, targetVariance: 1, targetRank: 3, bc: 0.01, curve: [], seconds: 1 });
  const runs = [run('a', 0, 6), run('a', 1, 8), run('b', 0, 3), run('b', 1, 7), run('b', 2, 0)];

  it('has successes as shares, and compares the seeds that both have', () => {
    expect(summarise(runs, ['b', 'a', 'c']).map(({ method, runs: count }) => [method, count])).toEqual([['b', 3], ['a', 2]]);
    expect(summarise(runs, ['a'])[0]!.measures.ood.mean).toBeCloseTo(0.7, 12);
    const found = compare(runs, 'a', 'b', 'ood');
    expect(found).toMatchObject({ left: 'a', right: 'b', pairs: 2, above: 2, below: 0 });
    expect(found.mean).toBeCloseTo(0.2, 12);
    expect(compare(runs, 'a', 'c', 'id')).toMatchObject({ pairs: 0, mean: Number.NaN });
  });
});
