import { Random } from '../src/base/random.ts';
import { squaredDistances } from '../src/core/cost/terms.ts';
import { costStatistics } from '../src/core/ot/diagnostics.ts';
import { uniformWeights, type UotProblem } from '../src/core/ot/problem.ts';

/** Problems that are timed together, by name. Made alike in Node and in a page. */
export interface ProblemSet {
  readonly name: string;
  readonly problems: readonly UotProblem[];
}

/** A cloud of points, row-major. */
export interface Cloud {
  readonly values: Float64Array;
  readonly width: number;
}

const FEATURES = 16;

/** `SWEEP_ITERATIONS` is what POT ≥ 0.9.5 takes on the sweep in all. */
export const SWEEP_ITERATIONS = 27_243;

/** 64 settings of one 64 × 64 cost matrix: reg from 10⁻³ to 1 and τ₁ = τ₂ from 10⁻² to 10², uniform weights. */
export function sweepOf(cost: Float64Array): ProblemSet {
  const steps = [0, 1, 2, 3, 4, 5, 6, 7];
  const problems = steps.flatMap((i) => steps.map((j) => product(64, cost, 10 ** (-3 + (3 * i) / 7), 10 ** (-2 + (4 * j) / 7))));
  return { name: 'sweep of 64, 64×64', problems };
}

/** One problem of each size, as `clouds` draws it. */
export function singles(): ProblemSet[] {
  return [16, 64, 256, 1024].map(single);
}

export function single(size: number): ProblemSet {
  return { name: `one ${size}×${size}`, problems: [clouds(size, size)] };
}

/** As many problems as a training step may bring at once, each with its own costs. */
export function batch(count: number, size: number): ProblemSet {
  return { name: `batch of ${count}, ${size}×${size}`, problems: Array.from({ length: count }, (_, k) => clouds(size, 1000 + k)) };
}

/** Squared distances of two seeded normal clouds, scaled to median 1; reg 0.05·std(M), τ₁ = τ₂ = 1, uniform weights. */
function clouds(size: number, seed: number): UotProblem {
  const random = new Random(seed);
  const raw = squaredDistances(cloud(size, FEATURES, random), cloud(size, FEATURES, random));
  const { median, std } = costStatistics(raw);
  return product(size, raw.map((value) => value / median), (0.05 * std) / median, 1);
}

export function cloud(size: number, width: number, random: Random): Cloud {
  return { values: Float64Array.from({ length: size * width }, () => random.normal()), width };
}

function product(size: number, cost: Float64Array, reg: number, tau: number): UotProblem {
  return { n: size, m: size, cost, a: uniformWeights(size), b: uniformWeights(size), prior: { kind: 'product' }, reg, tau1: tau, tau2: tau };
}
