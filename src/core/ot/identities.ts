import type { Regime } from './diagnostics.ts';
import type { Potentials } from './fast.ts';
import { isHard, sum, type Conditions } from './problem.ts';

/**
 * Which closed form the optimum has.
 *
 * - `mass`: S·(1 − π_sum), for finite τ and unit masses of a, b and c.
 * - `finite`: reg·m_c + τ₁m_a + τ₂m_b − S·π_sum, for other masses (`ones`: m_c = n·m).
 * - `hard-source`, `hard-target`, `hard-both`: made of the potentials of the hard sides.
 */
export type ObjectiveForm = 'mass' | 'finite' | 'hard-source' | 'hard-target' | 'hard-both';

/** Both sides of the identity of the optimum. */
export interface ObjectiveIdentity {
  readonly form: ObjectiveForm;
  /** The closed form, at the plan and the potentials at hand. */
  readonly value: number;
  /** The objective less the closed form: 0 at the optimum up to rounding, and anything elsewhere. */
  readonly difference: number;
  /** S = reg + τ₁ + τ₂ of this problem. */
  readonly total: number;
  /** Total masses of a, b and c. */
  readonly masses: { readonly a: number; readonly b: number; readonly c: number };
}

/**
 * What the optimum must equal, S = reg + τ₁ + τ₂:
 *
 *     P* = reg·m_c + τ₁m_a + τ₂m_b − S·π_sum                     both τ finite
 *     P* = ⟨a,f⟩ + τ₂(m_b − m_a) + reg(m_c − m_a)                τ₁ = ∞, and its mirror image for τ₂ = ∞
 *     P* = ⟨a,f⟩ + ⟨b,g⟩ + reg(m_c − m_a)                        both ∞
 *
 * For unit masses the first is S·(1 − π_sum): the mass is the objective.
 * @param massC m_c  @param solution objective, mass and potentials in units of cost
 */
export function objectiveIdentity({ a, b, reg, tau1, tau2 }: Conditions, massC: number, { primal, mass, f, g }: Potentials & { readonly primal: number; readonly mass: number }): ObjectiveIdentity {
  const masses = { a: sum(a), b: sum(b), c: massC };
  const total = reg + tau1 + tau2;
  const unit = [masses.a, masses.b, masses.c].every((value) => Math.abs(value - 1) < 1e-9);
  const [form, value] = ((): [ObjectiveForm, number] => {
    if (isHard(tau1) && isHard(tau2)) return ['hard-both', weighted(a, f) + weighted(b, g) + reg * (masses.c - masses.a)];
    if (isHard(tau1)) return ['hard-source', weighted(a, f) + tau2 * (masses.b - masses.a) + reg * (masses.c - masses.a)];
    if (isHard(tau2)) return ['hard-target', weighted(b, g) + tau1 * (masses.a - masses.b) + reg * (masses.c - masses.b)];
    if (unit) return ['mass', total * (1 - mass)];
    return ['finite', reg * masses.c + tau1 * masses.a + tau2 * masses.b - total * mass];
  })();
  return { form, value, difference: primal - value, total, masses };
}

function weighted(weights: Float64Array, potentials: Float64Array): number {
  let total = 0;
  for (let k = 0; k < weights.length; k++) if (weights[k]! > 0) total += weights[k]! * potentials[k]!;
  return total;
}

/** From these values of q̃ on a problem is to be watched, and dead. */
export const NEAREST_ZONES = { watch: 1, dead: 5 } as const;

/** How far the nearest match is beyond what the problem pays for: q̃ = median_i min_j M_ij / S. */
export function nearestZone({ qNearest }: Pick<Regime, 'qNearest'>): 'fine' | 'watch' | 'dead' {
  return qNearest < NEAREST_ZONES.watch ? 'fine' : qNearest <= NEAREST_ZONES.dead ? 'watch' : 'dead';
}

/**
 * log of the mass that a plan has at least: −q, since π = e^{−q}·c is a plan of objective S·(1 − e^{−q}), and the optimum is
 * S·(1 − π_sum). It asks for finite τ and for a c with the marginals a and b: the product, and the diagonal prior of
 * n = m uniform weights. null elsewhere.
 */
export function logMassBound({ n, m, prior, tau1, tau2 }: Pick<Conditions, 'n' | 'm' | 'prior' | 'tau1' | 'tau2'>, { q }: Pick<Regime, 'q'>): number | null {
  if (isHard(tau1) || isHard(tau2)) return null;
  return prior.kind === 'product' || (prior.kind === 'diagonal' && n === m) ? -q : null;
}

/**
 * The loss whose derivative is the detached one of a pair under the diagonal prior (n = m, uniform weights),
 * π_ii = e^{−M/S}/n: the Welsch loss
 *
 *     S·(1 − e^{−M/S})
 *
 * It is M for M ≪ S and flat for M ≫ S. Its mean over the pairs is the optimum S·(1 − π_sum). M itself for S = ∞.
 */
export function welschLoss(cost: number, total: number): number {
  return total === Infinity ? cost : -total * Math.expm1(-cost / total);
}

/** Its derivative, e^{−M/S}: what a pair still pulls with, of 1. */
export function welschPull(cost: number, total: number): number {
  return Math.exp(-cost / total);
}

/** A pair that pulls with less than this of its pull is dead: M beyond about 4.6 S. */
export const DEAD_PULL = 0.01;
