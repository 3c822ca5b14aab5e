import { describe } from 'vitest';
import { Suite, type SuiteBackend } from './backend.ts';
import { closedForms } from './closed-forms.ts';
import { extremes } from './extremes.ts';
import { invariance } from './invariance.ts';
import { optimality } from './optimality.ts';
import { parity } from './parity.ts';
import { robustness } from './robust.ts';

/** Register every case of the solver suite for one backend. */
export function solverSuite(backend: SuiteBackend): void {
  describe(`solver suite: ${backend.name}`, () => {
    const suite = new Suite(backend);
    describe('closed forms', () => closedForms(suite));
    describe('invariance', () => invariance(suite));
    describe('optimality', () => optimality(suite));
    describe('parity', () => parity(suite));
    describe('extremes', () => extremes(suite));
    describe('robustness', () => robustness(suite));
    suite.finish();
  });
}
