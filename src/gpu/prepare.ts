import type { Mode } from '../core/ot/solve.ts';
import type { Potentials } from '../core/ot/fast.ts';
import { referenceMeasure } from '../core/ot/priors.ts';
import { checkFeasible, isHard, type Conditions, type UotProblem } from '../core/ot/problem.ts';
import type { Matrix } from './matrix.ts';
import type { LogPrior } from './task.ts';

/** −∞ and the test for it, as in the shaders. */
export const NONE = -1e30;
export const HARDLY_ANY = -5e29;
const LOG2_E = Math.LOG2E;

/**
 * M' = M − r_i − c_j with the line minima r of M and c of M − r.
 *
 * Float32 carries log K to about 1e-7 of its size, and its size is what M/reg is at the entries that matter: near each
 * line's minimum. With the minima taken out in float64 those entries are near 0. The problem stays of the same form,
 * with weights a'_i = a_i e^{−r_i/τ₁}, b'_j likewise, and potentials f' = f − r, g' = g − c.
 */
export interface Centred {
  /** M', row-major n × m. */
  readonly cost: Matrix;
  /** r, length n, and c, length m, in units of cost. */
  readonly rows: Float64Array;
  readonly columns: Float64Array;
  /** max|M'| at the line minima: a cold descent starts below it. */
  readonly span: number;
}

/**
 * Centre at the line minima, or, with potentials, at those: M' = M − f_i − g_j is near 0 wherever the plan has mass, so
 * that a solve that float32's rounding stopped can be taken further (iterative refinement).
 */
export function centre({ cost, n, m }: Pick<UotProblem, 'cost' | 'n' | 'm'>, potentials: Potentials | null = null): Centred {
  const { rows, columns } = potentials ? { rows: potentials.f.map(finite), columns: potentials.g.map(finite) } : lineMinima(cost, n, m);
  const centred = new Float32Array(n * m);
  let span = 0;
  for (let i = 0, k = 0; i < n; i++)
    for (let j = 0; j < m; j++, k++) {
      centred[k] = cost[k]! - rows[i]! - columns[j]!;
      span = Math.max(span, Math.abs(centred[k]!));
    }
  return { cost: centred, rows, columns, span };
}

const finite = (value: number): number => (Number.isFinite(value) ? value : 0);

function lineMinima(cost: Float64Array, n: number, m: number): { rows: Float64Array; columns: Float64Array } {
  const rows = new Float64Array(n).fill(Infinity);
  const columns = new Float64Array(m).fill(Infinity);
  for (let i = 0, k = 0; i < n; i++) for (let j = 0; j < m; j++, k++) rows[i] = Math.min(rows[i]!, cost[k]!);
  for (let i = 0, k = 0; i < n; i++) for (let j = 0; j < m; j++, k++) columns[j] = Math.min(columns[j]!, cost[k]! - rows[i]!);
  return { rows, columns };
}

/** log2 c as float32, row-major n × m; null where c is a bᵀ or 1 and needs no matrix. */
export function priorMatrix(problem: Pick<UotProblem, 'n' | 'm' | 'a' | 'b' | 'prior'>): Float32Array<ArrayBuffer> | null {
  if (problem.prior.kind === 'product' || problem.prior.kind === 'ones') return null;
  const { logC } = referenceMeasure(problem);
  const result = new Float32Array(logC.length);
  for (let k = 0; k < logC.length; k++) result[k] = Math.max(logC[k]! * LOG2_E, NONE);
  return result;
}

/** What the shaders know of one side of a problem, in log2 units, a value a line. */
export interface Side {
  /** The line's factor of c; NONE takes the line out. */
  readonly bias: Float32Array;
  /** log2 of the weight over that factor, moved by −shift/τ; NONE where the literal scheme meets a weight of 0. */
  readonly target: Float32Array;
  /** What centring took out of the potential at reg: log u = x + shift. */
  readonly shift: Float32Array;
  /** log2 of the weight, moved likewise: translation balances these. */
  readonly mass: Float32Array;
  /** The same in units of cost and float64. */
  readonly offset: Float64Array;
}

export interface Prepared {
  readonly rows: Side;
  readonly columns: Side;
  readonly centred: Centred;
  readonly prior: LogPrior | null;
}

/**
 * A problem in the shaders' terms (docs/method.md §3). In fast mode lines without weight, or that the prior leaves empty,
 * are taken out, and equal masses are made equal to the last bit, as in the float64 solver.
 * @throws UserError `infeasible` (fast mode) when no plan satisfies the hard marginals
 */
export function prepare(problem: Conditions, mode: Mode, centred: Centred, prior: LogPrior | null): Prepared {
  const { n, m, a, b, reg, tau1, tau2 } = problem;
  // c = a bᵀ: the weight is wholly in the factor and cancels in the target, so that a weight of 0 is safe.
  const factored = problem.prior.kind === 'product';
  let rowsAlive: Uint8Array | null = null;
  let columnsAlive: Uint8Array | null = null;
  let correction = 0;
  if (mode === 'fast') {
    ({ rowsAlive, columnsAlive } = alive(problem, prior?.values ?? null));
    const [rows, columns] = [rowsAlive, columnsAlive];
    checkFeasible(problem, (i) => !rows[i], (j) => !columns[j]);
    if (isHard(tau1) && isHard(tau2)) correction = Math.log2(massOf(a, rows) / massOf(b, columns));
  }
  return {
    rows: side(a, centred.rows, tau1, reg, factored, rowsAlive, 0),
    columns: side(b, centred.columns, tau2, reg, factored, columnsAlive, correction),
    centred,
    prior,
  };
  function massOf(weights: Float64Array, living: Uint8Array): number {
    return weights.reduce((total, weight, k) => total + (living[k] ? weight : 0), 0);
  }
  function alive({ n: rows, m: columns }: Conditions, matrix: Float32Array | null): { rowsAlive: Uint8Array; columnsAlive: Uint8Array } {
    const rowSeen = new Uint8Array(rows);
    const columnSeen = new Uint8Array(columns);
    for (let i = 0, k = 0; i < n; i++)
      for (let j = 0; j < m; j++, k++)
        if (a[i]! > 0 && b[j]! > 0 && (!matrix || matrix[k]! > HARDLY_ANY)) {
          rowSeen[i] = 1;
          columnSeen[j] = 1;
        }
    return { rowsAlive: rowSeen, columnsAlive: columnSeen };
  }
}

/** @param correction log2 of a factor on all weights of this side */
function side(weights: Float64Array, offset: Float64Array, tau: number, reg: number, factored: boolean, living: Uint8Array | null, correction: number): Side {
  const count = weights.length;
  const result = { bias: new Float32Array(count), target: new Float32Array(count), shift: new Float32Array(count), mass: new Float32Array(count), offset };
  for (let k = 0; k < count; k++) {
    const logWeight = Math.log2(weights[k]!);
    const moved = (offset[k]! / tau) * LOG2_E;
    result.shift[k] = (offset[k]! / reg) * LOG2_E;
    const out = living ? !living[k] : factored && weights[k] === 0;
    if (out) {
      result.bias[k] = NONE;
      result.mass[k] = NONE;
      continue;
    }
    result.bias[k] = factored ? logWeight : 0;
    result.target[k] = weights[k] === 0 ? NONE : (factored ? 0 : logWeight) + correction - moved;
    result.mass[k] = weights[k] === 0 ? NONE : logWeight + correction - moved;
  }
  return result;
}

/** Starting potentials of a side in the shaders' terms: 0, or those of a neighbouring problem, without the shift. */
export function startOf({ bias, shift, offset }: Side, warm: Float64Array | null, mode: Mode, reg: number): Float32Array {
  if (mode === 'parity') return shift.map((value) => -value);
  if (!warm) return new Float32Array(bias.length);
  // A line that had no mass in the neighbouring problem has nothing to tell.
  return bias.map((value, k) => (value < HARDLY_ANY || !Number.isFinite(warm[k]!) ? 0 : ((warm[k]! - offset[k]!) / reg) * LOG2_E));
}

/** Warm potentials of the right lengths, or none. */
export function fitting(warm: Potentials | null | undefined, { n, m }: Pick<UotProblem, 'n' | 'm'>): Potentials | null {
  return warm && warm.f.length === n && warm.g.length === m ? warm : null;
}

/** Potentials in units of cost from what a kernel left at level ε. */
export function potentialOf({ bias, shift, offset }: Side, values: ArrayLike<number>, epsilon: number, mode: Mode): Float64Array {
  const result = new Float64Array(bias.length);
  for (let k = 0; k < result.length; k++) {
    const value = values[k]!;
    if (value < HARDLY_ANY) result[k] = -Infinity;
    // Lines without mass stay at potential 0, which in the kernel's centred terms is −shift.
    else if (bias[k]! < HARDLY_ANY || (mode === 'parity' && value === -shift[k]!)) result[k] = 0;
    else result[k] = (value / LOG2_E) * epsilon + offset[k]!;
  }
  return result;
}
