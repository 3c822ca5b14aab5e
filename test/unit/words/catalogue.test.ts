import { readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Cure, Warning, WarningCode } from '../../../src/core/ot/warnings.ts';
import { en } from '../../../src/words/en.ts';
import { LANGUAGES, t, words, type Language, type WordKey } from '../../../src/words/index.ts';
import { cureWords, warningWords } from '../../../src/words/warnings.ts';
import { zh } from '../../../src/words/zh.ts';

const keys = Object.keys(en) as WordKey[];
const holes = (text: string): string[] => [...new Set(Array.from(text.matchAll(/\{\{(.*?)\}\}/g), ([, name]) => name!))].toSorted();

// Records, so that the compiler misses none: a new code needs an example here.
const WARNINGS: Record<WarningCode, Pick<Warning, 'value' | 'facts'>> = {
  'hard-diagonal': { value: 0.4, facts: { total: 0.11 } },
  'window-diagonal': { value: 8, facts: { seconds: 0.53 } },
  'episode-diagonal': { value: 120, facts: { seconds: 8 } },
  'mass-collapse': { value: 0, facts: { log10: -512.3 } },
  'transport-dominates': { value: 0.7, facts: {} },
  'mass-above-one': { value: 812, facts: {} },
  'not-converged': { value: 1e-4, facts: { iterations: 1000 } },
  'float32-range': { value: 40000, facts: {} },
  'pot-breaks': { value: 0, facts: { mass: 0, trueMass: 0.3 } },
  'term-dominates': { value: 0.97, facts: { term: 'joints' } },
  'cameras-unweighted': { value: 3, facts: {} },
  'encoder-collapse': { value: 0.01, facts: { feature: 'wrist', mass: 0.9 } },
  'constant-dimensions': { value: 2, facts: { dimensions: 'action[0], action[1]' } },
  'diffuse-plan': { value: 40, facts: { m: 64 } },
};
const CURES: Record<Cure['kind'], readonly Cure[]> = {
  prior: [{ kind: 'prior', prior: { kind: 'soft', epsilon: 0.1 } }, { kind: 'prior', prior: { kind: 'product' } }],
  mass: [{ kind: 'mass', mass: 0.15 }],
  reg: [{ kind: 'reg', reg: 0.03 }],
  mode: [{ kind: 'mode', mode: 'fast' }],
  'term-weight': [{ kind: 'term-weight', term: 'joints', factor: 0.2 }],
  'camera-weights': [{ kind: 'camera-weights', count: 3 }],
  lambda: [{ kind: 'lambda', factor: 0.1 }],
  window: [{ kind: 'window', window: 2 }],
};
const warningOf = (code: WarningCode): Warning => ({ code, cure: null, ...WARNINGS[code] });
const codes = Object.keys(WARNINGS) as WarningCode[];

describe('the two catalogues', () => {
  it('have the same keys in the same order', () => expect(Object.keys(zh)).toEqual(keys));

  it.each(keys)('%s has the same places to fill in both, and a text', (key) => {
    expect(holes(zh[key])).toEqual(holes(en[key]));
    for (const text of [en[key], zh[key]]) {
      expect(text.trim()).toBe(text);
      expect(text).not.toBe('');
      // A brace that is not part of a place is a slip.
      expect(text.replaceAll(/\{\{\w+\}\}/g, '')).not.toMatch(/[{}]/);
    }
  });

  it('are not each other: sentences are translated', () => {
    const sentences = keys.filter((key) => /[a-z]{3,} [a-z]{2,} [a-z]{2,}/i.test(en[key]));
    expect(sentences.length).toBeGreaterThan(50);
    expect(sentences.filter((key) => !/\p{Script=Han}/u.test(zh[key]))).toEqual([]);
  });
});

describe.each(LANGUAGES)('in %s', (language: Language) => {
  beforeAll(async () => {
    await words.changeLanguage(language);
  });
  afterAll(async () => {
    await words.changeLanguage('en');
  });

  it.each(codes)('warning %s is a whole sentence', (code) => {
    const { key, values } = warningWords(warningOf(code));
    expect(keys).toContain(key);
    for (const name of holes(en[key])) expect(values[name], name).toMatch(/\S/);
    const text = t(key, values);
    expect(text).not.toBe(key);
    expect(text).not.toMatch(/\{\{|\}\}|undefined|NaN|null/);
  });

  it.each(Object.values(CURES).flat())('cure %j is a whole label', (cure) => {
    const { key, values } = cureWords(cure);
    expect(keys).toContain(key);
    const text = t(key, values);
    expect(text).not.toBe(key);
    expect(text).not.toMatch(/\{\{|\}\}|undefined|NaN|null/);
  });

  it('warnings without a figure still read as sentences', () => {
    for (const code of codes) {
      const { key, values } = warningWords({ ...warningOf(code), value: Number.NaN });
      expect(t(key, values)).not.toMatch(/\{\{|undefined|null/);
    }
  });

  it('a name goes in as it is, whatever it looks like', () => {
    for (const term of ['{{value}}', '$t(warn.diffuse-plan)', '$&', '$1', '<b>a & b</b>', '__proto__', 'a\\b', '仿真 😀']) {
      const { key, values } = warningWords({ ...warningOf('term-dominates'), facts: { term } });
      expect(t(key, values)).toContain(`“${term}”`);
    }
  });
});

it('a language that is not there falls back to English', async () => {
  await words.changeLanguage('fr');
  expect(t('solve.title')).toBe(en['solve.title']);
  await words.changeLanguage('en');
});

it('no warning or cure has a text without being known', () => {
  expect(keys.filter((key) => key.startsWith('warn.')).toSorted()).toEqual(codes.map((code) => `warn.${code}`).toSorted());
  expect(keys.filter((key) => key.startsWith('cure.')).toSorted()).toEqual(Object.keys(CURES).map((kind) => `cure.${kind}`).toSorted());
});

it('every finding on a config that is read has a title, and no title is without one', () => {
  const folder = resolve(import.meta.dirname, '../../../src/config');
  const source = readdirSync(folder)
    .map((name) => readFileSync(join(folder, name), 'utf8'))
    .join('');
  const found = Array.from(source.matchAll(/(?:code: |add\(\s*)'([a-z-]+)'/g), ([, code]) => code!);
  // What an export cannot say stands there as sentences alone.
  const untitled = new Set(['not-written', 'batch-ratio', 'incomplete']);
  const read = [...new Set(found)].filter((code) => !untitled.has(code)).toSorted();
  expect(read.length).toBeGreaterThan(25);
  expect(keys.filter((key) => key.startsWith('finding.')).toSorted()).toEqual(read.map((code) => `finding.${code}`));
});
