import { describe, expect, it } from 'vitest';
import { demoFeatures, labelTerm, PRESETS } from '../../../src/config/presets.ts';
import { DEFAULT_SESSION, DEFAULT_SOLVE, SESSION_LIMITS } from '../../../src/config/session.ts';
import { checkSpecs } from '../../../src/core/cost/terms.ts';

describe.each(Object.entries(PRESETS))('preset %s', (_, { solve, features }) => {
  it('has terms that can be measured', () => {
    expect(() => checkSpecs(features)).not.toThrow();
    expect(features.length).toBeLessThanOrEqual(SESSION_LIMITS.terms);
  });

  it('is inside what may be set', () => {
    expect(solve.reg).toBeGreaterThanOrEqual(SESSION_LIMITS.reg.low);
    for (const tau of [solve.tau1, solve.tau2]) if (tau !== Infinity) expect(tau).toBeGreaterThanOrEqual(SESSION_LIMITS.tau.sliderLow);
  });
});

it('the opening session is the toy preset', () => {
  expect(DEFAULT_SOLVE).toMatchObject(PRESETS.toy.solve);
  expect(DEFAULT_SESSION.features).toEqual(PRESETS.toy.features);
});

it('presets are what their names say', () => {
  expect(PRESETS.balanced.solve).toEqual({ ...PRESETS.toy.solve, tau1: Infinity, tau2: Infinity });
  expect(PRESETS.diagonal.solve).toEqual({ ...PRESETS.toy.solve, prior: 'diagonal' });
  // Both code bases mean the mask by heuristic=true, and nearly every public config has it on.
  expect(PRESETS.official.solve.prior).toBe('diagonal');
  expect(PRESETS.fork.solve.prior).toBe('diagonal');
});

it('terms are made afresh: changing one list changes no other', () => {
  expect(demoFeatures()).toEqual(demoFeatures());
  expect(demoFeatures()[0]).not.toBe(demoFeatures()[0]);
  expect(labelTerm('a', 'k', null, 2)).toMatchObject({ term_name: 'a', src_key: 'k', tgt_key: 'k', term_weight: 2, weight_label: 1, weight_embed: 0, use_learned_embed: false });
});
