import { dump } from 'npyjs';
import { PARITY_DEFAULTS } from '../core/ot/parity.ts';
import { potOutcome } from '../core/ot/pot.ts';
import { referenceMeasure, type Reference } from '../core/ot/priors.ts';
import type { UotProblem } from '../core/ot/problem.ts';
import { solve, type UotSolution } from '../core/ot/solve.ts';
import { potScript } from './pot-script.ts';

/** A problem and its plan for people who work with POT. */
export interface PotSnippet {
  /** reproduce.py and the arrays that it reads, by file name. */
  readonly files: ReadonlyMap<string, Uint8Array<ArrayBuffer>>;
  /** Largest |POT − plan| over max plan that the script lets pass, with POT ≥ 0.9.5. */
  readonly difference: number;
  /** What the script says of itself: how POT is asked, and what it cannot do. */
  readonly notes: readonly string[];
}

/** What float64 and another order of summation may do to entries of a plan, relative to the largest. */
const ROUNDING = 1e-9;
/** Multiplications that finding the expected difference may cost, about a second. */
const WORK = 1e8;
const TIGHT = 1e-12;

/**
 * Files that give a solved problem to POT's `sinkhorn_knopp_unbalanced` and compare the plans. POT ≥ 0.9.5 takes c and
 * both τ; older versions mean c = 1 and one τ, so they get M − reg·log c where both τ are equal and finite.
 *
 * A plan of parity mode is POT's own, stop rule included. A plan of fast mode is the optimum, which POT's iterations
 * approach: the difference to expect is what our own run of its scheme leaves after as many of them.
 */
export function potSnippet(problem: UotProblem, solution: UotSolution): PotSnippet {
  const { n, m, cost, a, b, reg, tau1, tau2 } = problem;
  const reference = referenceMeasure(problem);
  const most = Math.max(PARITY_DEFAULTS.maxIterations, Math.min(100_000, Math.floor(WORK / (n * m))));
  const parity = solution.mode === 'parity';
  const settings = parity ? PARITY_DEFAULTS : { maxIterations: most, threshold: TIGHT };
  const difference = ROUNDING + (parity ? 0 : distance(solve(problem, { mode: 'parity', parity: settings }).plan, solution.plan));
  const oneTau = tau1 === tau2 && tau1 !== Infinity;
  const inside = withoutEmptyLines(problem, reference);
  const breaksAt = potOutcome(inside, referenceMeasure(inside)).brokeAt;
  const notes = [
    parity
      ? `The plan is POT's own scheme with its stop rule; POT 0.9.5 or newer gives it to ${spell(difference)} of its largest entry.`
      : `The plan is the optimum. After at most ${most} iterations POT 0.9.5 or newer is expected within ${spell(difference)} of its largest entry.`,
    oneTau ? 'Older POT knows neither c nor two tau: it is given M - reg log(c), where exp(-M/reg) becomes the same kernel.' : 'Older POT cannot solve it: it takes one finite tau for both sides, and these are two or infinite.',
    ...(breaksAt === null ? [] : [`POT's arithmetic is expected to break at iteration ${breaksAt} (its scalings leave float64) and to return numbers that are no plan. A larger reg is the cure; scaling M, reg and tau together changes nothing.`]),
  ];
  const script = potScript({
    reg,
    tau1,
    tau2,
    iterations: settings.maxIterations,
    threshold: settings.threshold,
    difference,
    olderDifference: oneTau ? olderDifference(problem, solution, most) : null,
    olderIterations: most,
    notes,
  });
  return {
    files: new Map([
      ['reproduce.py', new TextEncoder().encode(script)],
      ['M.npy', npy(cost, [n, m])],
      ['a.npy', npy(a, [n])],
      ['b.npy', npy(b, [m])],
      ['c.npy', npy(reference.logC.map(Math.exp), [n, m])],
      ['plan.npy', npy(solution.plan, [n, m])],
    ]),
    difference,
    notes,
  };
}

/** Older POT starts elsewhere and so stops elsewhere: it is run to the optimum, and may miss it by some of what ours leaves. */
function olderDifference(problem: UotProblem, solution: UotSolution, most: number): number {
  const optimum = solution.mode === 'fast' ? solution.plan : solve(problem, { mode: 'fast' }).plan;
  const left = distance(solve(problem, { mode: 'parity', parity: { maxIterations: most, threshold: TIGHT } }).plan, optimum);
  return ROUNDING + distance(optimum, solution.plan) + 10 * left;
}

/** The lines that have weight and somewhere to go: the rest carries nothing, and the script leaves it out. */
function withoutEmptyLines(problem: UotProblem, { logC }: Reference): UotProblem {
  const { n, m, cost, a, b } = problem;
  let rows = Array.from({ length: n }, (_, i) => i).filter((i) => a[i]! > 0);
  let columns = Array.from({ length: m }, (_, j) => j).filter((j) => b[j]! > 0);
  for (let size = Infinity; size > rows.length + columns.length; ) {
    size = rows.length + columns.length;
    rows = rows.filter((i) => columns.some((j) => logC[i * m + j]! > -Infinity));
    columns = columns.filter((j) => rows.some((i) => logC[i * m + j]! > -Infinity));
  }
  const cells = rows.flatMap((i) => columns.map((j) => i * m + j));
  return {
    ...problem,
    n: rows.length,
    m: columns.length,
    cost: Float64Array.from(cells, (k) => cost[k]!),
    a: Float64Array.from(rows, (i) => a[i]!),
    b: Float64Array.from(columns, (j) => b[j]!),
    prior: { kind: 'dense', values: Float64Array.from(cells, (k) => Math.exp(logC[k]!)) },
  };
}

/** max|p − q| / max q. */
function distance(p: Float64Array, q: Float64Array): number {
  let worst = 0;
  let top = 0;
  for (let k = 0; k < q.length; k++) {
    worst = Math.max(worst, Math.abs(p[k]! - q[k]!));
    top = Math.max(top, q[k]!);
  }
  return top > 0 ? worst / top : worst;
}

const spell = (value: number): string => String(Number(value.toPrecision(2)));

const npy = (values: Float64Array, shape: number[]): Uint8Array<ArrayBuffer> => new Uint8Array(dump(values, shape));
