import { beforeEach, describe, expect, it } from 'vitest';
import { PRESETS, type PresetName } from '../../../src/config/presets.ts';
import { DEFAULT_SESSION, readSession, writeSession, type Session } from '../../../src/config/session.ts';
import { presetOf, useSession } from '../../../src/store/session.ts';

const { replace, setSolve, setBatch, setPolicy, setFeatures, setFeature, setData, applyPreset } = useSession.getState();
const session = (): Session => useSession.getState().session;
const names = Object.keys(PRESETS) as PresetName[];
const local = { kind: 'local', name: 'mine', fingerprint: '5'.repeat(64) } as const;

beforeEach(() => replace(DEFAULT_SESSION));

describe('presets', () => {
  it('the page opens on Toy', () => expect(presetOf(session())).toBe('toy'));

  it.each(names)('%s is recognised once applied, and after a visit to a link', (name) => {
    applyPreset(name);
    expect(presetOf(session())).toBe(name);
    expect(session()).toMatchObject({ solve: PRESETS[name].solve, features: PRESETS[name].features });
    const reading = readSession(JSON.parse(writeSession(session())));
    expect(reading.kind === 'session' && presetOf(reading.session)).toBe(name);
  });

  it.each(names)('%s leaves the data, the batch and the other settings alone', (name) => {
    setBatch({ size: 9, seed: 8 });
    setSolve({ mode: 'parity', normalisation: 'std', softEpsilon: 0.4, bandWidth: 0.7 });
    const before = session();
    applyPreset(name);
    expect(session()).toMatchObject({ source: before.source, target: before.target, batch: before.batch, solve: { mode: 'parity', normalisation: 'std', softEpsilon: 0.4, bandWidth: 0.7 } });
  });

  it.each(names)('%s keeps the terms of data that are not the demo’s, and is recognised there', (name) => {
    setData('source', local);
    const { features } = session();
    applyPreset(name);
    expect(session().features).toBe(features);
    expect(presetOf(session())).toBe(name);
  });

  it('any change of what a preset sets ends it', () => {
    for (const change of [{ reg: 0.011 }, { tau1: 0.06 }, { tau2: Infinity }, { prior: 'soft' }] as const) {
      replace(DEFAULT_SESSION);
      setSolve(change);
      expect(presetOf(session())).toBeNull();
    }
    replace(DEFAULT_SESSION);
    setFeature(1, { term_weight: 4 });
    expect(presetOf(session())).toBeNull();
    setFeature(1, { term_weight: 5 });
    expect(presetOf(session())).toBe('toy');
    setBatch({ seed: 99 });
    expect(presetOf(session())).toBe('toy');
  });
});

describe('changes', () => {
  it('touch what they name and nothing else', () => {
    setSolve({ reg: 0.3 });
    expect(session()).toEqual({ ...DEFAULT_SESSION, solve: { ...DEFAULT_SESSION.solve, reg: 0.3 } });
    setBatch({ kind: 'ranges' });
    expect(session().batch).toEqual({ ...DEFAULT_SESSION.batch, kind: 'ranges' });
    setPolicy({ frozen: ['w'], hidden: [8] });
    expect(session().policy).toEqual({ ...DEFAULT_SESSION.policy, frozen: ['w'], hidden: [8] });
    setData('target', local);
    expect([session().source, session().target]).toEqual([DEFAULT_SESSION.source, local]);
    setFeature(2, { term_name: 'arm' });
    expect(session().features.map(({ term_name }) => term_name)).toEqual(['embedding', 'end effector', 'arm']);
    setFeature(7, { term_name: 'none' });
    expect(session().features).toHaveLength(3);
    setFeatures([]);
    expect(session().features).toEqual([]);
  });

  it('leave older sessions as they were, and the presets too', () => {
    const before = structuredClone(DEFAULT_SESSION);
    const presets = structuredClone(PRESETS);
    for (const name of names) {
      applyPreset(name);
      setSolve({ reg: 7 });
      setFeature(0, { term_weight: 123 });
    }
    expect(DEFAULT_SESSION).toEqual(before);
    expect(PRESETS).toEqual(presets);
  });
});
