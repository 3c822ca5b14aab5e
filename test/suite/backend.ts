import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import type { UotProblem } from '../../src/core/ot/problem.ts';
import type { SolveOptions, UotSolution } from '../../src/core/ot/solve.ts';
import type { HandoverReason } from '../../src/gpu/outcome.ts';
import { relativeDistance } from '../support/ot.ts';

/*
 * One suite for every solver. A case says what must hold and to which tolerance in float64; a backend says of each answer
 * how much less it promises. What a backend cannot answer at all is listed by name, and shows in the report.
 */

/** What an answer may be off by, beside the tolerance of a case; 0 everywhere in float64. */
export interface Precision {
  /** Plans and marginals, relative to the largest entry. */
  readonly plan: number;
  /** Masses, objectives and other sums at the optimum, relative. */
  readonly value: number;
  /** Relative duality gap. */
  readonly gap: number;
  /** Relative violation of hard marginals. */
  readonly marginal: number;
  /** What is read from a plan against that very plan, relative. */
  readonly reading: number;
  /** POT's iteration count. */
  readonly iterations: number;
  /** Entries of a plan that may come out as 0. */
  readonly smallest: number;
}

export const FLOAT64: Precision = { plan: 0, value: 0, gap: 0, marginal: 0, reading: 0, iterations: 0, smallest: 0 };

/** A solution, how precise it promises to be, and why the float64 solver made it in place of the one that was asked. */
export interface Answer extends UotSolution {
  readonly precision: Precision;
  readonly handedOver: HandoverReason | null;
}

/** A solver under test. */
export interface SuiteBackend {
  readonly name: string;
  solve(problem: UotProblem, options: SolveOptions): Promise<Answer>;
  solveBatch(problems: readonly UotProblem[], options: SolveOptions): Promise<Answer[]>;
  /** Share of a property test's runs that is worth its time here, in (0, 1]. */
  readonly effort: number;
  /**
   * Cases that it must hand over to float64 at some point, with the first reason that it gives; every other case it must
   * hold by itself. null where it is not asked. Whether a solve stalls depends on how an adapter rounds: where `stalled`
   * is listed it may as well settle.
   */
  readonly handsOver: Readonly<Record<string, HandoverReason>> | null;
  /** Cases that it has no way to run, and why. */
  readonly lacks: Readonly<Record<string, string>>;
}

/** Registers cases for one backend, and compares answers as precisely as they promise to be. */
export class Suite {
  readonly backend: SuiteBackend;
  readonly #seen = new Set<string>();
  /** Of the case that runs. */
  #handedOver: HandoverReason | null = null;

  constructor(backend: SuiteBackend) {
    this.backend = backend;
  }

  /** Solve in fast mode unless told otherwise. */
  async solve(problem: UotProblem, options: SolveOptions = { mode: 'fast' }): Promise<Answer> {
    const answer = await this.backend.solve(problem, options);
    this.#handedOver ??= answer.handedOver;
    return answer;
  }

  async solveBatch(problems: readonly UotProblem[], options: SolveOptions): Promise<Answer[]> {
    const answers = await this.backend.solveBatch(problems, options);
    for (const { handedOver } of answers) this.#handedOver ??= handedOver;
    return answers;
  }

  /** A case, and what the backend must or must not hand over in it. */
  test(name: string, body: () => Promise<void>): void {
    const { handsOver, lacks } = this.backend;
    this.#seen.add(name);
    if (lacks[name] !== undefined) {
      test.skip(`${name} [not run: ${lacks[name]}]`, () => {});
      return;
    }
    const reason = handsOver?.[name] ?? null;
    test(reason ? `${name} [handed over: ${reason}]` : name, async () => {
      this.#handedOver = null;
      await body();
      if (handsOver && (reason !== 'stalled' || this.#handedOver !== null)) expect(this.#handedOver).toBe(reason);
    });
  }

  /** A case for random problems: the same ones, from the first, for every backend. */
  property<T>(name: string, values: fc.Arbitrary<T>, { runs, seed }: { readonly runs: number; readonly seed: number }, body: (value: T) => Promise<void>): void {
    this.test(name, () => fc.assert(fc.asyncProperty(values, body), { numRuns: this.runs(runs), seed }));
  }

  /** Of so many repetitions those that are worth their time here. */
  runs(count: number): number {
    return Math.max(1, Math.ceil(count * this.backend.effort));
  }

  /** A tolerance, widened by what the answers promise. */
  within(kind: keyof Precision, tolerance: number, ...answers: readonly Answer[]): number {
    return Math.max(tolerance, ...answers.map(({ precision }) => precision[kind]));
  }

  /** max|π − truth| ≤ tolerance·max truth. The truth may be another answer, which may be off as well. */
  samePlan(answer: Answer, truth: Answer | Float64Array, tolerance = 1e-7): void {
    if (truth instanceof Float64Array) this.sameValues(answer, answer.plan, truth, tolerance);
    else this.sameValues(answer, answer.plan, truth.plan, Math.max(tolerance, answer.precision.plan + truth.precision.plan));
  }

  /** As `samePlan`, for values taken from an answer. */
  sameValues(answer: Answer, values: Float64Array, truth: Float64Array, tolerance: number, kind: keyof Precision = 'plan'): void {
    expect(values.length).toBe(truth.length);
    const { smallest } = answer.precision;
    if (truth.every((value) => value < smallest)) expect(values.every((value) => value < smallest)).toBe(true);
    else expect(relativeDistance(values, truth)).toBeLessThanOrEqual(this.within(kind, tolerance, answer));
  }

  /** |x − y| ≤ tolerance·max(|x|, |y|, floor), x taken from an answer and y perhaps from another. */
  close(answer: Answer | readonly Answer[], value: number, truth: number, tolerance: number, floor = 0, kind: keyof Precision = 'value'): void {
    const limit = this.within(kind, tolerance, ...[answer].flat());
    expect(Math.abs(value - truth), `${value} against ${truth}`).toBeLessThanOrEqual(limit * Math.max(Math.abs(value), Math.abs(truth), floor));
  }

  /** The answer's own certificate: the gap where it is one, else the violation of hard marginals. */
  certified(answer: Answer, { tau1, tau2 }: Pick<UotProblem, 'tau1' | 'tau2'>, tolerance = 1e-6): void {
    expect(answer.converged).toBe(true);
    if (tau1 < Infinity && tau2 < Infinity) expect(Math.abs(answer.gap)).toBeLessThanOrEqual(this.within('gap', tolerance, answer));
    else expect(answer.marginalViolation).toBeLessThanOrEqual(this.within('marginal', tolerance, answer));
  }

  /** Registered last: every name in the backend's lists is that of a case, so the lists cannot go stale. */
  finish(): void {
    const { handsOver, lacks } = this.backend;
    test('the lists of cases that are handed over or missing name cases', () => {
      expect([...Object.keys(handsOver ?? {}), ...Object.keys(lacks)].filter((name) => !this.#seen.has(name))).toEqual([]);
    });
  }
}
