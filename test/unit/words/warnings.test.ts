import { describe, expect, test } from 'vitest';
import type { Cure, Warning } from '../../../src/core/ot/warnings.ts';
import { en } from '../../../src/words/en.ts';
import { t } from '../../../src/words/index.ts';
import { cureWords, warningWords } from '../../../src/words/warnings.ts';
import { zh } from '../../../src/words/zh.ts';

function sentence(warning: Partial<Warning> & Pick<Warning, 'code' | 'value'>): string {
  const { key, values } = warningWords({ facts: {}, cure: null, ...warning });
  return t(key, values);
}

describe('warnings as sentences: counts are counts, figures are figures', () => {
  test.each<[Partial<Warning> & Pick<Warning, 'code' | 'value'>, string]>([
    [{ code: 'not-converged', value: 0.0123, facts: { iterations: 1000 } }, 'Not converged after 1\u2009000 iterations: the last change was 0.0123.'],
    [{ code: 'diffuse-plan', value: 6.987, facts: { m: 7 } }, 'The plan is diffuse: 6.99 matches a row of 7, so the cost is a mean of M.'],
    [{ code: 'cameras-unweighted', value: 3 }, '3 cameras are summed at full weight, so images count 3 times.'],
    [{ code: 'constant-dimensions', value: 5, facts: { dimensions: 'a[0], a[1]' } }, 'Dimensions that never change in this batch: a[0], a[1] (5 in all). They tell no samples apart.'],
    [{ code: 'pot-breaks', value: 0, facts: { mass: 0, trueMass: 0.3 } }, 'POT breaks here at iteration 0 and returns mass 0; the true mass is 0.300.'],
    [{ code: 'term-dominates', value: 0.971, facts: { term: 'state' } }, '“state” carries 97.1 % of the cost.'],
    [{ code: 'mass-collapse', value: 0, facts: { log10: -1033.6 } }, 'Mass has died: 1e−1034, healthy is 0.05–0.30. Costs are far above τ, so the loss is silent.'],
    [{ code: 'window-diagonal', value: 8, facts: { seconds: 8 / 15 } }, 'A window of 8 frames (0.533 s) draws pairs apart, and the diagonal prior cannot match them anew. 2 at most, or a soft prior.'],
    [{ code: 'window-diagonal', value: 8, facts: {} }, 'A window of 8 frames draws pairs apart, and the diagonal prior cannot match them anew. 2 at most, or a soft prior.'],
  ])('%#', (warning, text) => expect(sentence(warning)).toBe(text));
});

const holesOf = (text: string): string[] => [...new Set(text.match(/\{\{\w+\}\}/g))].toSorted();

test('both languages fill the same values', () => {
  const chinese = new Map(Object.entries(zh));
  for (const [key, text] of Object.entries(en)) expect(holesOf(chinese.get(key) ?? ''), key).toEqual(holesOf(text));
});

function button(cure: Cure): string {
  const { key, values } = cureWords(cure);
  return t(key, values);
}

test('cures as button texts', () => {
  expect(button({ kind: 'prior', prior: { kind: 'soft', epsilon: 0.1 } })).toBe('Use soft 0.100');
  expect(button({ kind: 'mass', mass: 0.15 })).toBe('Set τ for 0.150');
  expect(button({ kind: 'term-weight', term: 'state', factor: 0.2 })).toBe('Divide its weight by 5.00');
  expect(button({ kind: 'camera-weights', count: 3 })).toBe('Weigh each by 1/3');
});
