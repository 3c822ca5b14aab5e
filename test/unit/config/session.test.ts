import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { PRESETS } from '../../../src/config/presets.ts';
import { DEFAULT_BATCH, DEFAULT_SESSION, DEFAULT_SOLVE, priorOf, readSession, SESSION_LIMITS, SESSION_VERSION, writeSession, type Session } from '../../../src/config/session.ts';
import { DEFAULT_TRAINING } from '../../../src/config/training.ts';
import { anySession, beyondLimits } from '../../support/session.ts';

/** Read a session that must be readable. */
function read(json: unknown): Session {
  const reading = readSession(json);
  if (reading.kind !== 'session') throw new Error(`read as ${reading.kind}`);
  return reading.session;
}

/** Read this version with these keys. */
const readWith = (keys: Record<string, unknown>): Session => read({ version: SESSION_VERSION, ...keys });
const term = { ...DEFAULT_SESSION.features[0]! };

describe('writing and reading a session', () => {
  it('gives back the default and every preset', () => {
    expect(read(JSON.parse(writeSession(DEFAULT_SESSION)))).toEqual(DEFAULT_SESSION);
    for (const { solve, features } of Object.values(PRESETS)) {
      const session = { ...DEFAULT_SESSION, features, solve: { ...DEFAULT_SOLVE, ...solve } };
      expect(read(JSON.parse(writeSession(session)))).toEqual(session);
    }
  });

  it('gives back any session, ∞ included', () => {
    fc.assert(
      fc.property(anySession, (session) => {
        expect(read(JSON.parse(writeSession(session)))).toEqual(session);
      }),
      { numRuns: 300 },
    );
  });

  it('writes ∞ so that JSON can hold it', () => {
    const text = writeSession({ ...DEFAULT_SESSION, solve: { ...DEFAULT_SOLVE, tau1: Infinity } });
    expect(JSON.parse(text)).toMatchObject({ solve: { tau1: 'inf', tau2: DEFAULT_SOLVE.tau2 } });
  });

  it('reads what it reads again to the same session', () => {
    fc.assert(
      fc.property(fc.record({ version: fc.constant(1), solve: fc.jsonValue(), batch: fc.jsonValue(), features: fc.jsonValue(), source: fc.jsonValue() }), (json) => {
        const once = read(json);
        expect(beyondLimits(once)).toEqual([]);
        expect(read(JSON.parse(writeSession(once)))).toEqual(once);
      }),
    );
  });
});

describe('reading what others wrote', () => {
  it('takes an empty record of this version as the default session', () => expect(readWith({})).toEqual(DEFAULT_SESSION));

  // Every field of `solve` and `batch` once with something unusable; the fields beside it must come through.
  const SOLVE = { reg: 0.5, tau1: 'inf', tau2: 3, prior: 'band', softEpsilon: 0.3, bandWidth: 0.4, mode: 'parity', normalisation: 'std' };
  const BATCH = { kind: 'ranges', size: 7, seed: 9, sourceEpisodes: '1', targetEpisodes: '2', sourceRanges: '0:5', targetRanges: '0:6' };
  const unusable = [null, [], {}, true, 'nonsense', Number.NaN, Infinity]; // JSON.parse reads 1e400 as ∞

  it.each(Object.keys(SOLVE) as (keyof typeof SOLVE)[])('solve.%s falls back alone', (key) => {
    const whole = readWith({ solve: SOLVE }).solve;
    expect(whole).toEqual({ ...SOLVE, tau1: Infinity });
    for (const value of unusable) expect(readWith({ solve: { ...SOLVE, [key]: value } }).solve).toEqual({ ...whole, [key]: DEFAULT_SOLVE[key] });
    const { [key]: _, ...rest } = SOLVE;
    expect(readWith({ solve: rest }).solve).toEqual({ ...whole, [key]: DEFAULT_SOLVE[key] });
  });

  it.each(Object.keys(BATCH) as (keyof typeof BATCH)[])('batch.%s falls back alone', (key) => {
    const whole = readWith({ batch: BATCH }).batch;
    expect(whole).toEqual(BATCH);
    for (const value of [null, [], {}, true]) expect(readWith({ batch: { ...BATCH, [key]: value } }).batch).toEqual({ ...whole, [key]: DEFAULT_BATCH[key] });
    const { [key]: _, ...rest } = BATCH;
    expect(readWith({ batch: rest }).batch).toEqual({ ...whole, [key]: DEFAULT_BATCH[key] });
  });

  const TRAINING = { convention: 'robomimic', window: 5, noWindow: true, sharpness: 2, cutoff: 0.5, topk: 7, baseIndexSource: 1, baseIndexTarget: 2, batchSize: 8, batchRatio: 0.5, lambda: 0.3, bcSourceWeight: 0.8, normalizeBySize: false, alignment: 'energy', obsSteps: 2, actionHorizon: 16, obsKeys: ['a'], document: { format: 'lerobot', text: '{}' } };
  it.each(Object.keys(TRAINING) as (keyof typeof TRAINING)[])('training.%s falls back alone', (key) => {
    const whole = readWith({ training: TRAINING }).training;
    expect(whole).toEqual(TRAINING);
    for (const value of [undefined, {}, 'nonsense', Number.NaN, [3], { format: 'other', text: '' }]) expect(readWith({ training: { ...TRAINING, [key]: value } }).training).toEqual({ ...whole, [key]: DEFAULT_TRAINING[key] });
    const { [key]: _, ...rest } = TRAINING;
    expect(readWith({ training: rest }).training).toEqual({ ...whole, [key]: DEFAULT_TRAINING[key] });
  });

  it('clamps what a config carries', () => {
    const { training } = readWith({ training: { window: -3, sharpness: 1e300, topk: 0.2, batchSize: 0, batchRatio: -1, lambda: 1e99, bcSourceWeight: 7, baseIndexSource: 1.6, document: { format: 'lerobot', text: 'x'.repeat(40_000) } } });
    expect(training).toMatchObject({ window: 0, sharpness: 1e9, topk: 1, batchSize: 1, batchRatio: 0, lambda: 1e9, bcSourceWeight: 1, baseIndexSource: 2, document: null });
  });

  it.each(['source', 'target', 'encoders', 'features', 'batch', 'solve', 'training', 'policy'] as const)('%s falls back alone', (key) => {
    const json = JSON.parse(writeSession({ ...DEFAULT_SESSION, source: { kind: 'none' }, target: { kind: 'none' }, features: [{ ...term, term_name: 'mine' }] })) as Record<string, unknown>;
    const whole = read(json);
    for (const value of [null, 3, 'text', true]) expect(read({ ...json, [key]: value })).toEqual({ ...whole, [key]: key === 'training' ? DEFAULT_TRAINING : DEFAULT_SESSION[key] });
  });

  it.each([
    { kind: 'local', name: 'x', fingerprint: 'short' },
    { kind: 'local', name: 'x' },
    { kind: 'local', name: 3, fingerprint: '0'.repeat(64) },
    { kind: 'demo', name: 'other' },
    { kind: 'hub', repo: 'a/b' },
    { name: 'sim_pick' },
  ])('a side named as %j falls back', (ref) => expect(readWith({ source: ref }).source).toEqual(DEFAULT_SESSION.source));

  it('cuts a long file name instead of forgetting the file', () => {
    const fingerprint = '5e'.repeat(32);
    expect(readWith({ source: { kind: 'local', name: 'ä'.repeat(255), fingerprint } }).source).toEqual({ kind: 'local', name: 'ä'.repeat(SESSION_LIMITS.text), fingerprint });
  });

  it('drops keys it does not know, at every level', () => {
    const json = JSON.parse(writeSession(DEFAULT_SESSION)) as { solve: object; batch: object; source: object; features: object[] };
    const more = { extra: 1, nested: { deep: [1, 2] } };
    expect(read({ ...json, ...more, solve: { ...json.solve, ...more }, batch: { ...json.batch, ...more }, source: { ...json.source, ...more }, features: json.features.map((spec) => ({ ...spec, ...more })) })).toStrictEqual(DEFAULT_SESSION);
  });

  it('clamps numbers', () => {
    const { solve, batch, features } = readWith({
      solve: { reg: 0, tau1: -4, tau2: 1e300, softEpsilon: 7, bandWidth: 0 },
      batch: { size: 1e9, seed: -3 },
      features: [{ ...term, weight_label: 1e300, term_weight: -2 }],
    });
    expect(solve).toMatchObject({ reg: SESSION_LIMITS.reg.low, tau1: SESSION_LIMITS.tau.low, tau2: SESSION_LIMITS.tau.high, softEpsilon: 1, bandWidth: SESSION_LIMITS.bandWidth.low });
    expect(batch).toMatchObject({ size: SESSION_LIMITS.batchSize.high, seed: 0 });
    expect(features[0]).toMatchObject({ weight_label: SESSION_LIMITS.weight.high, term_weight: 0 });
    expect(readWith({ batch: { size: 0.2, seed: 1.6 } }).batch).toMatchObject({ size: 1, seed: 2 });
  });

  it('keeps the terms it can read, in order, and drops the rest', () => {
    const named = (name: string): unknown => ({ ...term, term_name: name });
    const { features } = readWith({ features: [named('a'), null, 3, {}, [], named(''), { ...term, src_key: 5 }, named('b'), named('x'.repeat(201))] });
    expect(features.map(({ term_name }) => term_name)).toEqual(['a', 'b']);
  });

  it('mends the fields of a term that have an obvious value', () => {
    const { features } = readWith({ features: [{ term_name: 'a', src_key: 'k', tgt_key: 'k', dim_slice: [0.5, 2], time_reduce: 'middle', use_learned_embed: 'yes' }] });
    expect(features).toEqual([{ term_name: 'a', src_key: 'k', tgt_key: 'k', dim_slice: null, use_learned_embed: false, embed_name: null, weight_embed: 0, weight_label: 1, term_weight: 1, time_reduce: 'flatten', embed: null }]);
  });

  it('keeps what makes an embedding, or none of it', () => {
    const embed = { file: 'policy.onnx', input: 'image', output: 'embedding', others: [{ input: 'state', src_key: 's', tgt_key: 't' }] };
    const { features } = readWith({ features: [{ ...term, embed }, { ...term, embed: { ...embed, output: 3 } }, { ...term, embed: { ...embed, others: 'all' } }] });
    expect(features.map((spec) => spec.embed)).toEqual([embed, null, { ...embed, others: [] }]);
  });

  it('keeps the encoders it can read, each once', () => {
    const local = { kind: 'local', file: 'policy.onnx', fingerprint: 'ab'.repeat(32) };
    const { encoders } = readWith({ encoders: [local, { ...local, fingerprint: 'cd'.repeat(32) }, { kind: 'builtin', file: 'mlp.onnx' }, { kind: 'builtin', file: 'other.onnx' }, { ...local, file: 'b.onnx', fingerprint: 'short' }, null, 'mlp.onnx'] });
    expect(encoders).toEqual([local, { kind: 'builtin', file: 'mlp.onnx' }]);
  });

  describe('the pairing', () => {
    const dtw = { kind: 'dtw', features: [{ src_key: 'a', tgt_key: 'b', dim_slice: [0, 3] }, { src_key: 'c', tgt_key: 'c', dim_slice: null }], formula: 'norm', stride: 2, band: 7, keep: 5 };
    const local = { kind: 'local', name: 'x', fingerprint: 'ab'.repeat(32) };

    it.each([{ kind: 'none' }, { kind: 'truth' }, { kind: 'file', name: 'pair_info.json', fingerprint: 'cd'.repeat(32) }, dtw])('%j comes back', (pairing) => expect(readWith({ pairing }).pairing).toEqual(pairing));

    it.each([undefined, null, 3, {}, { kind: 'file', name: 'x', fingerprint: 'short' }, { kind: 'dtw', features: [{ src_key: '', tgt_key: 'b' }] }, { kind: 'dtw', features: [] }])('%j is the demo’s own pairing, and none of other data', (pairing) => {
      expect(readWith({ pairing }).pairing).toEqual(DEFAULT_SESSION.pairing);
      expect(readWith({ pairing, source: local }).pairing).toEqual({ kind: 'none' });
      expect(readWith({ pairing, target: { kind: 'none' } }).pairing).toEqual({ kind: 'none' });
    });

    it('mends the fields of a DTW pairing that have an obvious value', () => {
      expect(readWith({ pairing: { ...dtw, features: [{ src_key: 'a', tgt_key: 'b', dim_slice: [1] }], formula: 'other', stride: 0.2, band: -3, keep: 'all', extra: 1 } }).pairing).toEqual({
        ...dtw,
        features: [{ src_key: 'a', tgt_key: 'b', dim_slice: null }],
        formula: 'path',
        stride: 1,
        band: 0,
        keep: null,
      });
    });
  });

  it('reads a session of version 1, which knew no encoders, as it was', () => {
    const session = read({ version: 1, features: [term] });
    expect(session).toMatchObject({ version: SESSION_VERSION, encoders: [] });
    expect(session.features).toEqual([term]);
  });

  it('reads a session of version 2, which knew no training, as it was', () => {
    expect(read({ version: 2, features: [term], training: { window: 9 } })).toEqual({ ...DEFAULT_SESSION, features: [term], pairing: { kind: 'truth' }, training: DEFAULT_TRAINING });
  });

  describe('a session of version 3, whose samples were single frames', () => {
    const training = { window: 9, topk: 2, document: null };
    const windows = (document: unknown): number[] => {
      const { obsSteps, actionHorizon } = read({ version: 3, training: { ...training, document } }).training;
      return [obsSteps, actionHorizon];
    };

    it('is read as it was', () => {
      expect(read({ version: 3, features: [term], training })).toEqual({ ...DEFAULT_SESSION, features: [term], pairing: { kind: 'truth' }, training: { ...DEFAULT_TRAINING, window: 9, topk: 2 } });
      for (const odd of [null, 3, [], { window: 'wide' }]) expect(read({ version: 3, training: odd }).training).toEqual(DEFAULT_TRAINING);
    });

    it('that came from a config has the windows that the config names', () => {
      const policy = (text: string): { format: string; text: string } => ({ format: 'lerobot', text: `{"policy":${text},"ot":{}}` });
      expect(windows(policy('{"type":"act"}'))).toEqual([1, 100]);
      expect(windows(policy('{"type":"diffusion","horizon":8,"n_obs_steps":3}'))).toEqual([3, 8]);
      expect(windows(policy('{"type":"unheard"}'))).toEqual([1, 1]);
      expect(windows({ format: 'robomimic', text: '{"algo":{"horizon":{"observation_horizon":4}}}' })).toEqual([4, 16]);
      for (const text of ['{', '[]', '3', policy('{"type":"act","chunk_size":"many"}').text, policy('7').text]) expect(windows({ format: 'lerobot', text })).toEqual([1, 1]);
    });
  });

  it('keeps at most 16 terms, bad ones not counted', () => {
    const many = Array.from({ length: 40 }, (_, k) => ({ ...term, term_name: `t${k}` }));
    expect(readWith({ features: many }).features.map(({ term_name }) => term_name)).toEqual(many.slice(0, SESSION_LIMITS.terms).map(({ term_name }) => term_name));
    expect(readWith({ features: [...Array.from({ length: 20 }, () => null), ...many] }).features).toHaveLength(SESSION_LIMITS.terms);
  });

  it('says when a session comes from a newer version, whatever else it holds', () => {
    expect(readSession({ version: 5 })).toEqual({ kind: 'newer', version: 5 });
    expect(readSession({ version: 900, solve: 'new shape' })).toEqual({ kind: 'newer', version: 900 });
  });

  it.each([undefined, null, 0, -1, 1.5, '1', Number.NaN, Infinity, [1], true])('version %s is unreadable', (version) => expect(readSession({ version })).toEqual({ kind: 'unreadable' }));

  it.each([null, undefined, 3, 'text', true, [], [{ version: 1 }]])('%j is unreadable', (json) => expect(readSession(json)).toEqual({ kind: 'unreadable' }));

  it('never throws, and stays inside the limits, whatever JSON it is given', () => {
    fc.assert(
      fc.property(fc.oneof(fc.jsonValue(), fc.dictionary(fc.constantFrom('version', 'solve', 'batch', 'features', 'source', '__proto__'), fc.jsonValue()).map((entry) => ({ version: 1, ...entry }))), (json) => {
        const reading = readSession(json);
        if (reading.kind === 'session') expect(beyondLimits(reading.session)).toEqual([]);
      }),
      { numRuns: 500 },
    );
  });
});

describe('names that objects are born with', () => {
  it('change no prototype and set no value', () => {
    const json: unknown = JSON.parse(
      '{"version":2,"__proto__":{"polluted":1,"reg":9},"constructor":{"prototype":{"polluted":1}},"solve":{"__proto__":{"reg":9,"tau1":9},"constructor":1},"source":{"__proto__":{"kind":"none"}},"features":[{"__proto__":{"term_name":"a","src_key":"k","tgt_key":"k"}}]}',
    );
    const session = read(json);
    expect(session).toEqual({ ...DEFAULT_SESSION, features: [], pairing: { kind: 'truth' }, training: DEFAULT_TRAINING });
    expect(Object.getPrototypeOf(session.solve)).toBe(Object.prototype);
    expect(({} as Record<string, unknown>).polluted).toBeUndefined();
  });

  it.each(['__proto__', 'constructor', 'toString', 'hasOwnProperty'])('%s is a term name and a key like any other', (name) => {
    const features = [{ ...term, term_name: name, src_key: name, tgt_key: name, embed_name: name }];
    expect(read(JSON.parse(writeSession({ ...DEFAULT_SESSION, features }))).features).toEqual(features);
  });
});

it('the settings of a prior make the prior', () => {
  const solve = { ...DEFAULT_SOLVE, softEpsilon: 0.2, bandWidth: 0.3 };
  expect(priorOf({ ...solve, prior: 'soft' })).toEqual({ kind: 'soft', epsilon: 0.2 });
  expect(priorOf({ ...solve, prior: 'band' })).toEqual({ kind: 'band', width: 0.3 });
  expect(priorOf({ ...solve, prior: 'ones' })).toEqual({ kind: 'ones' });
});
