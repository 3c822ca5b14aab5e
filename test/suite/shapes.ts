import { Random } from '../../src/base/random.ts';
import { uniformWeights, type UotProblem } from '../../src/core/ot/problem.ts';
import { makeProblem, PRIORS, randomWeights } from '../support/ot.ts';

interface NamedProblem {
  readonly name: string;
  readonly problem: UotProblem;
}

/** Within one workgroup, filling one, beyond one side of it, beyond both. */
const SHAPES = [
  [12, 9],
  [64, 64],
  [70, 20],
] as const;
const TAUS = [
  [1, 0.5],
  [Infinity, 1],
  [1, Infinity],
] as const;

function agreementProblems(): NamedProblem[] {
  const problems = PRIORS.flatMap((prior) =>
    SHAPES.flatMap(([n, m]) =>
      // The mask leaves lines of n ≠ m without a partner: no hard marginal can be met there.
      TAUS.filter(([tau1, tau2]) => prior.kind !== 'diagonal' || tau1 + tau2 < Infinity).map(([tau1, tau2]) => ({ name: `${prior.kind} prior, ${n} × ${m}, τ = ${tau1}, ${tau2}`, problem: makeProblem(n, m, { prior, tau1, tau2 }) })),
    ),
  );
  const lines = [
    [1, 1],
    [1, 64],
    [64, 1],
  ].map(([n, m]) => ({ name: `a single line, ${n} × ${m}`, problem: makeProblem(n!, m!) }));
  const balanced = { name: 'two hard marginals, 20 × 30', problem: makeProblem(20, 30, { tau1: Infinity, tau2: Infinity }) };
  return [...problems, ...lines, balanced, ...weightless()];
}

/** Lines without weight, in and beyond one workgroup. */
function weightless(): NamedProblem[] {
  const random = new Random(2);
  const a = randomWeights(random, 10);
  const b = randomWeights(random, 8, 1.5);
  a[3] = 0;
  b[0] = 0;
  const small = PRIORS.map((prior) => ({ name: `weights of 0, ${prior.kind} prior, 10 × 8`, problem: makeProblem(10, 8, { a, b, prior, tau2: 3 }) }));
  const rows = uniformWeights(80).fill(0, 10, 20);
  const large = ([{ kind: 'product' }, { kind: 'ones' }] as const).map((prior) => ({ name: `weights of 0, ${prior.kind} prior, 80 × 70`, problem: makeProblem(80, 70, { a: rows, prior }) }));
  return [...small, ...large];
}

/** Every prior at every shape and kind of marginal, and shapes of a single line: what every kernel must get right. */
export const AGREEMENT: readonly NamedProblem[] = agreementProblems();

/** A slow truth that is worked out once, whichever and however many backends are held against it. */
export function remembered<T>(truthOf: (problem: UotProblem) => T): (problem: UotProblem) => T {
  const truths = new WeakMap<UotProblem, T>();
  return (problem) => {
    if (!truths.has(problem)) truths.set(problem, truthOf(problem));
    return truths.get(problem)!;
  };
}
