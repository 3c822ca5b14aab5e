import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { readGolden } from '../scripts/inspect/golden-files.ts';
import { Random } from '../src/base/random.ts';
import { squaredDistances } from '../src/core/cost/terms.ts';
import { costStatistics } from '../src/core/ot/diagnostics.ts';
import { uniformWeights, type UotProblem } from '../src/core/ot/problem.ts';

/** Problems that are timed together, by name. */
export interface ProblemSet {
  readonly name: string;
  readonly problems: readonly UotProblem[];
}

const ROOT = resolve(import.meta.dirname, '..');

/**
 * 64 settings of one 64 × 64 cost matrix: reg from 10⁻³ to 1 and τ₁ = τ₂ from 10⁻² to 10², uniform weights. POT ≥ 0.9.5
 * takes `SWEEP_ITERATIONS` iterations on them in all.
 */
export async function sweep(): Promise<ProblemSet> {
  const shared = resolve(process.env.OT_SHARED ?? resolve(ROOT, '../shared'), 'golden');
  const table = await readGolden(existsSync(shared) ? shared : resolve(ROOT, 'test/golden'));
  const cost = table.array('p64.M');
  const steps = [0, 1, 2, 3, 4, 5, 6, 7];
  const problems = steps.flatMap((i) => steps.map((j) => product(64, cost, 10 ** (-3 + (3 * i) / 7), 10 ** (-2 + (4 * j) / 7))));
  return { name: 'sweep of 64, 64×64', problems };
}

export const SWEEP_ITERATIONS = 27_243;

/** One problem of each size: squared distances of seeded normal clouds in 16 dimensions, scaled to median 1. */
export function singles(): ProblemSet[] {
  return [16, 64, 256, 1024].map((size) => {
    const random = new Random(size);
    const cloud = (): { values: Float64Array; width: number } => ({ values: Float64Array.from({ length: size * 16 }, () => random.normal()), width: 16 });
    const raw = squaredDistances(cloud(), cloud());
    const { median, std } = costStatistics(raw);
    const cost = raw.map((value) => value / median);
    return { name: `one ${size}×${size}`, problems: [product(size, cost, (0.05 * std) / median, 1)] };
  });
}

function product(size: number, cost: Float64Array, reg: number, tau: number): UotProblem {
  return { n: size, m: size, cost, a: uniformWeights(size), b: uniformWeights(size), prior: { kind: 'product' }, reg, tau1: tau, tau2: tau };
}
