import { solveInPlace } from './anderson.ts';
import type { GibbsKernel } from './kernel.ts';

/** The log-marginal equations at one regularisation ε, on lines that carry weight and are reachable. */
export interface MarginalEquations {
  readonly kernel: GibbsKernel;
  readonly logA: Float64Array;
  readonly logB: Float64Array;
  /** ε/τ₁ and ε/τ₂; 0 for a hard marginal. */
  readonly k1: number;
  readonly k2: number;
}

export interface NewtonResult {
  readonly steps: number;
  /** Largest log-marginal residual left. */
  readonly residual: number;
  /** Size of the last accepted step: near a root Newton's step is the remaining error. */
  readonly lastStep: number;
}

/** Where Newton finds no descent: this many plain sweeps, this often. */
const RESCUE_SWEEPS = 50;
const MAX_RESCUES = 20;

/**
 * Damped Newton on
 *
 *     F₁_i = log Σ_j exp(log K_ij + x_i + y_j) − log a_i + k₁ x_i = 0,    F₂_j likewise,
 *
 * updating x and y in place. With R = π/row sums and C = π/column sums the step solves
 * (1+k₁)δx + Rδy = −F₁, Cᵀδx + (1+k₂)δy = −F₂; eliminating δx leaves an M-matrix of size m, which needs no pivoting.
 * When both marginals are hard, (x + k, y − k) is the same plan for every k: the last y is pinned and the step centred,
 * or rounding divided by nothing would send the potentials off. A trace of damping serves plans that fall into blocks.
 */
export function newtonFinish(equations: MarginalEquations, x: Float64Array, y: Float64Array, maxSteps = 150): NewtonResult {
  const { kernel, logA, logB, k1, k2 } = equations;
  const { n, m, logK } = kernel;
  const rowSums = new Float64Array(n);
  const columnSums = new Float64Array(m);
  const f1 = new Float64Array(n);
  const f2 = new Float64Array(m);
  const trialX = new Float64Array(n);
  const trialY = new Float64Array(m);
  const stepX = new Float64Array(n);

  const evaluate = (px: Float64Array, py: Float64Array): number => {
    kernel.absorb(px, py);
    kernel.rows(py, rowSums);
    kernel.columns(px, columnSums);
    let worst = 0;
    for (let i = 0; i < n; i++) {
      rowSums[i] = rowSums[i]! + px[i]!;
      f1[i] = rowSums[i]! - logA[i]! + k1 * px[i]!;
      worst = Math.max(worst, Math.abs(f1[i]!));
    }
    for (let j = 0; j < m; j++) {
      columnSums[j] = columnSums[j]! + py[j]!;
      f2[j] = columnSums[j]! - logB[j]! + k2 * py[j]!;
      worst = Math.max(worst, Math.abs(f2[j]!));
    }
    return worst;
  };

  const sweep = (): void => {
    for (let round = 0; round < RESCUE_SWEEPS; round++) {
      kernel.rows(y, rowSums);
      for (let i = 0; i < n; i++) x[i] = (logA[i]! - rowSums[i]!) / (1 + k1);
      kernel.columns(x, columnSums);
      for (let j = 0; j < m; j++) y[j] = (logB[j]! - columnSums[j]!) / (1 + k2);
    }
  };

  let residual = evaluate(x, y);
  let lastStep = Infinity;
  const damping = k1 + k2 === 0 ? 1e-12 : 0;
  let steps = 0;
  let rescues = 0;
  const rowShare = new Float64Array(n * m);
  const columnShare = new Float64Array(n * m);
  while (steps < maxSteps && Number.isFinite(residual) && !(residual < 1e-13 && lastStep < 1e-9)) {
    steps++;
    for (let i = 0, k = 0; i < n; i++)
      for (let j = 0; j < m; j++, k++) {
        const logPlan = logK[k]! + x[i]! + y[j]!;
        rowShare[k] = shareOf(logPlan - rowSums[i]!);
        columnShare[k] = shareOf(logPlan - columnSums[j]!);
      }
    const { matrix, right } = schurComplement(rowShare, columnShare, f1, f2, k1, k2, damping);
    if (k1 + k2 === 0) pinLast(matrix, right, m);
    solveInPlace(matrix, right, m);
    if (k1 + k2 === 0) centre(right);
    for (let i = 0, k = 0; i < n; i++) {
      let mixed = 0;
      for (let j = 0; j < m; j++, k++) mixed += rowShare[k]! * right[j]!;
      stepX[i] = -(f1[i]! + mixed) / (1 + k1);
    }
    const accepted = lineSearch();
    if (accepted === 0) {
      // No step along Newton's direction helps: let Sinkhorn carry on for a while, then try again from there.
      if (++rescues > MAX_RESCUES) break;
      sweep();
      residual = evaluate(x, y);
      continue;
    }
    if (accepted < 1e-14) break;

    function lineSearch(): number {
      for (let scale = 1; scale > 1e-4; scale /= 2) {
        let size = 0;
        for (let i = 0; i < n; i++) {
          trialX[i] = x[i]! + scale * stepX[i]!;
          size = Math.max(size, Math.abs(scale * stepX[i]!));
        }
        for (let j = 0; j < m; j++) {
          trialY[j] = y[j]! + scale * right[j]!;
          size = Math.max(size, Math.abs(scale * right[j]!));
        }
        const trial = evaluate(trialX, trialY);
        if (trial < residual * (1 - 1e-4 * scale) || (trial < 1e-12 && trial <= residual * 2)) {
          const progress = trial < residual * 0.5;
          x.set(trialX);
          y.set(trialY);
          residual = trial;
          lastStep = size;
          // At rounding level one more step is taken for its size, then there is nothing left to gain.
          return progress || residual > 1e-12 ? size : 1e-15;
        }
      }
      residual = evaluate(x, y);
      return 0;
    }
  }
  return { steps, residual, lastStep };
}

/** exp, with shares that no sum of order 1 can feel set to 0: the matrix becomes sparse and free of denormal numbers. */
const shareOf = (logShare: number): number => (logShare < -60 ? 0 : Math.exp(logShare));

/** Replace the last equation, which the others imply, by δy = 0. */
function pinLast(matrix: Float64Array, right: Float64Array, m: number): void {
  matrix.fill(0, (m - 1) * m, m * m);
  matrix[m * m - 1] = 1;
  right[m - 1] = 0;
}

/** Subtract the mean. */
function centre(values: Float64Array): void {
  let total = 0;
  for (let k = 0; k < values.length; k++) total += values[k]!;
  for (let k = 0; k < values.length; k++) values[k] = values[k]! - total / values.length;
}

/** Matrix (1+k₂+λ)I − CᵀR/(1+k₁) and right-hand side −F₂ + CᵀF₁/(1+k₁), both fresh. */
function schurComplement(rowShare: Float64Array, columnShare: Float64Array, f1: Float64Array, f2: Float64Array, k1: number, k2: number, damping: number): { matrix: Float64Array; right: Float64Array } {
  const n = f1.length;
  const m = f2.length;
  const matrix = new Float64Array(m * m);
  const right = new Float64Array(m);
  const scale = 1 / (1 + k1);
  for (let i = 0; i < n; i++) {
    const row = i * m;
    for (let j = 0; j < m; j++) {
      const weight = columnShare[row + j]! * scale;
      if (weight === 0) continue;
      right[j] = right[j]! + weight * f1[i]!;
      for (let l = 0, k = j * m; l < m; l++, k++) matrix[k] = matrix[k]! - weight * rowShare[row + l]!;
    }
  }
  for (let j = 0; j < m; j++) {
    matrix[j * m + j] = matrix[j * m + j]! + 1 + k2 + damping;
    right[j] = right[j]! - f2[j]!;
  }
  return { matrix, right };
}
