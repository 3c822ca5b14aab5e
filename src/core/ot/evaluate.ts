import type { Reference } from './priors.ts';
import { isHard, sum, type Conditions, type UotProblem } from './problem.ts';
import type { Scaling } from './parity.ts';

/** Everything that follows from a problem and a pair of potentials. Matrices are row-major n × m. */
export interface Evaluation {
  /** π = exp(log u + log K + log v). */
  readonly plan: Float64Array;
  /** π1, length n, and πᵀ1, length m. */
  readonly rowMass: Float64Array;
  readonly columnMass: Float64Array;
  /** Σπ, and its logarithm, which is finite long after Σπ has underflowed. */
  readonly mass: number;
  readonly logMass: number;
  /** Σ_i π_ii; null unless n = m. */
  readonly diagonalMass: number | null;
  /** ⟨π,M⟩. */
  readonly transportCost: number;
  /** H(π) = −Σ π log π. */
  readonly entropy: number;
  /** exp(H(π̂) − H(row sums of π̂)), π̂ = π/Σπ: how many targets a row spreads over. NaN without any mass. */
  readonly perplexity: number;
  /** The objective with every mass term of KL. */
  readonly primal: number;
  readonly dual: number;
  /**
   * (primal − dual)/max(|primal|, 1e-9·reg·(m_c + Σπ)): relative, unless the objective itself is only rounding of its
   * terms, as for M = 0. ≥ 0 up to rounding for finite τ, and a certificate only there: see `marginalViolation`.
   */
  readonly gap: number;
  /** Largest |marginal − weight| over the hard sides, relative to that side's largest weight; 0 when none is hard. */
  readonly marginalViolation: number;
  /** max(|log u|, |log v|): what decides whether float32 can hold the problem. */
  readonly largestPotential: number;
}

/** The part of an evaluation that says how good a plan is. */
export type Certificates = Pick<Evaluation, 'primal' | 'dual' | 'gap' | 'marginalViolation' | 'largestPotential'>;

/** What certificates are made of: potentials, and sums over the plan that they stand for. */
export interface PlanSums extends Pick<Scaling, 'logU' | 'logV'>, Pick<Evaluation, 'rowMass' | 'columnMass' | 'mass'> {
  /** Σπ(log u + log v). */
  readonly crossed: number;
  /** 1 for lines with an entry that c, weights and potentials leave above 0. */
  readonly rowReached: Uint8Array;
  readonly columnReached: Uint8Array;
}

/**
 * Objective and dual at given potentials, and what they say of the plan.
 *
 * P = reg·Σπ(log u + log v) + reg·(m_c − Σπ) + the mass terms, since ⟨π,M⟩ + reg·Σπ log(π/c) is the first sum: the large
 * terms cancel before they are summed.
 *
 * D = reg·(m_c − Σπ) + τ₁Σa_i(1 − e^{−f_i/τ₁}) + τ₂Σb_j(1 − e^{−g_j/τ₂}), with ⟨a,f⟩ for a hard side. A line with weight
 * that no mass can reach has f = +∞ and adds τ·weight.
 * @param referenceMass m_c
 */
export function certificates({ a, b, reg, tau1, tau2 }: Conditions, referenceMass: number, sums: PlanSums): Certificates {
  const { logU, logV, rowMass, columnMass, mass } = sums;
  const masses = reg * (referenceMass - mass);
  const primal = reg * sums.crossed + masses + marginalPenalty(rowMass, a, tau1) + marginalPenalty(columnMass, b, tau2);
  const dual = masses + dualTerm(logU, a, tau1, reg, sums.rowReached) + dualTerm(logV, b, tau2, reg, sums.columnReached);
  return {
    primal,
    dual,
    gap: (primal - dual) / Math.max(Math.abs(primal), 1e-9 * reg * (referenceMass + mass), Number.MIN_VALUE),
    marginalViolation: Math.max(violation(rowMass, a, tau1), violation(columnMass, b, tau2)),
    largestPotential: Math.max(largest(logU), largest(logV)),
  };
}

/**
 * exp(H(π̂) − H(row sums of π̂)).
 * @param rowMass row sums of π in any unit, and their total  @param meanLog Σ π̂ log π̂
 */
export function perplexityOf(rowMass: Float64Array, total: number, meanLog: number): number {
  return total > 0 ? Math.exp(weightedLog(rowMass, total) - meanLog) : Number.NaN;
}

/**
 * Evaluate plan, marginals, objective and dual at given potentials (`certificates`).
 *
 * All sums run over exp(log π − s) with a shift s, so that ratios survive when π itself underflows.
 */
export function evaluate(problem: UotProblem, reference: Reference, scaling: Scaling): Evaluation {
  const { n, m, cost, a, b, reg } = problem;
  const { logC } = reference;
  const { logU, logV } = scaling;
  const plan = new Float64Array(n * m);
  const rowMass = new Float64Array(n);
  const columnMass = new Float64Array(m);
  const columnReached = new Uint8Array(m);
  const rowReached = new Uint8Array(n);

  let top = -Infinity;
  for (let i = 0, k = 0; i < n; i++) {
    const u = logU[i]!;
    for (let j = 0; j < m; j++, k++) {
      const lc = logC[k]!;
      const logPlan = lc === -Infinity || a[i] === 0 || b[j] === 0 ? -Infinity : lc - cost[k]! / reg + u + logV[j]!;
      plan[k] = logPlan;
      if (logPlan > top) top = logPlan;
      if (logPlan > -Infinity) rowReached[i] = columnReached[j] = 1;
    }
  }
  // Work on π·e^{−s}; s = 0 keeps ordinary plans free of a needless multiplication by e^s.
  const shift = top === -Infinity || Math.abs(top) < 600 ? 0 : top;
  let total = 0;
  let spent = 0;
  let crossed = 0;
  let relativeEntropy = 0;
  for (let i = 0, k = 0; i < n; i++) {
    let row = 0;
    const u = logU[i]!;
    for (let j = 0; j < m; j++, k++) {
      const logPlan = plan[k]!;
      if (logPlan === -Infinity) {
        plan[k] = 0;
        continue;
      }
      const p = Math.exp(logPlan - shift);
      plan[k] = p;
      row += p;
      columnMass[j] = columnMass[j]! + p;
      spent += p * cost[k]!;
      crossed += p * logPlan;
      relativeEntropy += p * (u + logV[j]!);
    }
    rowMass[i] = row;
    total += row;
  }
  const logMass = total > 0 ? Math.log(total) + shift : -Infinity;
  const scale = Math.exp(shift);
  const perplexity = perplexityOf(rowMass, total, crossed / total - shift - Math.log(total));
  if (shift !== 0) for (const values of [plan, rowMass, columnMass]) for (let k = 0; k < values.length; k++) values[k] = values[k]! * scale;

  const mass = total * scale;
  let diagonalMass: number | null = null;
  if (n === m) {
    diagonalMass = 0;
    for (let k = 0; k < n * m; k += m + 1) diagonalMass += plan[k]!;
  }
  return {
    plan,
    rowMass,
    columnMass,
    mass,
    logMass,
    diagonalMass,
    transportCost: spent * scale,
    entropy: -crossed * scale,
    perplexity,
    ...certificates(problem, reference.mass, { logU, logV, rowMass, columnMass, mass, crossed: relativeEntropy * scale, rowReached, columnReached }),
  };
}

/** Σ (p/t)·log(p/t) over positive entries, t the total. */
function weightedLog(values: Float64Array, total: number): number {
  let result = 0;
  for (let k = 0; k < values.length; k++) {
    const share = values[k]! / total;
    if (share > 0) result += share * Math.log(share);
  }
  return result;
}

/** τ·KL(r‖w) with mass terms; 0 for a hard side. φ(1+d) = (1+d)·log(1+d) − d keeps its digits near d = 0. */
function marginalPenalty(marginal: Float64Array, weights: Float64Array, tau: number): number {
  if (isHard(tau)) return 0;
  let result = 0;
  for (let k = 0; k < weights.length; k++) {
    const weight = weights[k]!;
    if (weight === 0) continue;
    const excess = marginal[k]! / weight - 1;
    result += weight * (excess <= -1 ? 1 : (1 + excess) * Math.log1p(excess) - excess);
  }
  return tau * result;
}

function dualTerm(logPotential: Float64Array, weights: Float64Array, tau: number, reg: number, reached: Uint8Array): number {
  let result = 0;
  for (let k = 0; k < weights.length; k++) {
    const weight = weights[k]!;
    if (weight === 0) continue;
    const potential = reg * logPotential[k]!;
    if (isHard(tau)) result += weight * potential;
    else result += tau * weight * (reached[k] ? -Math.expm1(-potential / tau) : 1);
  }
  return result;
}

function violation(marginal: Float64Array, weights: Float64Array, tau: number): number {
  if (!isHard(tau)) return 0;
  let worst = 0;
  let top = 0;
  for (let k = 0; k < weights.length; k++) {
    worst = Math.max(worst, Math.abs(marginal[k]! - weights[k]!));
    top = Math.max(top, weights[k]!);
  }
  return top > 0 ? worst / top : sum(marginal);
}

function largest(values: Float64Array): number {
  let top = 0;
  for (let k = 0; k < values.length; k++) if (values[k]! !== -Infinity) top = Math.max(top, Math.abs(values[k]!));
  return top;
}
