import { Anderson } from './anderson.ts';
import { GibbsKernel, gibbsKernel, relaxation } from './kernel.ts';
import { newtonFinish } from './newton.ts';
import type { Scaling } from './parity.ts';
import { logSumExp, type Reference } from './priors.ts';
import { checkFeasible, isHard, sum, type UotProblem } from './problem.ts';

/** Potentials in units of cost, for warm starts: they stay meaningful when reg changes. */
export interface Potentials {
  readonly f: Float64Array;
  readonly g: Float64Array;
}

export interface FastSettings {
  /** Stop when both potentials move by at most tol·reg; 1e-9 in float64. */
  readonly tolerance: number;
  readonly maxIterations: number;
}

export const FAST_DEFAULTS: FastSettings = { tolerance: 1e-9, maxIterations: 5000 };

/** ε-scaling: each level divides ε by this; the second value is for problems on which the first was too bold. */
const LEVEL_FACTOR = 4;
const CAREFUL_FACTOR = 2;
/** Sweeps at a level that is only passed through, and the residual (log units) that is good enough there. */
const PASSING_SWEEPS = 8;
const PASSING_RESIDUAL = 0.07;
/** Sides above which a Newton step would cost more than it saves. */
const NEWTON_LIMIT = 512;
/** Relative error of a marginal that Newton must reach; it usually stops at rounding, far below. */
const NEWTON_RESIDUAL = 1e-7;
/** What rounding leaves of a log-domain residual, per unit of the largest potential. */
const ROUNDING = 8 * Number.EPSILON;
/** Wanted accuracy of log π. */
const PLAN_ACCURACY = 1e-8;

/**
 * The same problem as `solveParity`, to its optimum: Sinkhorn sweeps made translation invariant (Séjourné, Vialard &
 * Peyré 2022), accelerated by Anderson mixing on log v, from coarse to fine ε; finished by Newton where the contraction
 * is too slow for a residual to certify the plan.
 *
 * Lines without weight, and lines that the prior leaves empty, are taken out first and report potential 0.
 * @throws UserError `infeasible` when no plan satisfies the hard marginals.
 */
export function solveFast(problem: UotProblem, reference: Reference, warm: Potentials | null = null, settings: FastSettings = FAST_DEFAULTS): Scaling {
  const active = reduce(problem, reference);
  if (active.rows.length === 0 || active.columns.length === 0)
    return { logU: new Float64Array(problem.n), logV: new Float64Array(problem.m), iterations: 0, error: 0, converged: true };
  const f = gather(warm?.f ?? new Float64Array(problem.n), active.rows);
  const g = gather(warm?.g ?? new Float64Array(problem.m), active.columns);
  let run = descend(active, f, g, warm ? [problem.reg] : levels(active, LEVEL_FACTOR), settings, 'bold');
  if (!run.converged && warm) run = descend(active, f.fill(0), g.fill(0), levels(active, LEVEL_FACTOR), settings, 'bold', run.iterations);
  if (!run.converged && active.rows.length + active.columns.length <= NEWTON_LIMIT) {
    const careful = descend(active, f.fill(0), g.fill(0), levels(active, CAREFUL_FACTOR), settings, 'careful', run.iterations);
    if (careful.converged || careful.error < run.error) run = careful;
  }
  return { ...run, logU: scatter(run.logU, active.rows, problem.n), logV: scatter(run.logV, active.columns, problem.m) };
}

/** The part of a problem that carries mass. */
interface ActiveProblem {
  readonly rows: Int32Array;
  readonly columns: Int32Array;
  readonly cost: Float64Array;
  readonly logC: Float64Array;
  readonly logA: Float64Array;
  readonly logB: Float64Array;
  readonly reg: number;
  readonly tau1: number;
  readonly tau2: number;
}

function reduce(problem: UotProblem, { logC }: Reference): ActiveProblem {
  const { n, m, a, b, cost } = problem;
  const rowAlive = new Uint8Array(n);
  const columnAlive = new Uint8Array(m);
  for (let i = 0, k = 0; i < n; i++)
    for (let j = 0; j < m; j++, k++)
      if (logC[k]! > -Infinity && a[i]! > 0 && b[j]! > 0) {
        rowAlive[i] = 1;
        columnAlive[j] = 1;
      }
  checkFeasible(problem, (i) => !rowAlive[i], (j) => !columnAlive[j]);
  const rows = indicesOf(rowAlive);
  const columns = indicesOf(columnAlive);
  const logA = gather(a, rows).map(Math.log);
  const logB = gather(b, columns).map(Math.log);
  if (isHard(problem.tau1) && isHard(problem.tau2)) {
    // Masses equal up to rounding (checked above); the iteration needs them equal exactly.
    const correction = Math.log(sum(gather(a, rows)) / sum(gather(b, columns)));
    for (let j = 0; j < logB.length; j++) logB[j] = logB[j]! + correction;
  }
  const whole = rows.length === n && columns.length === m;
  return {
    rows,
    columns,
    cost: whole ? cost : gatherMatrix(cost, m, rows, columns),
    logC: whole ? logC : gatherMatrix(logC, m, rows, columns),
    logA,
    logB,
    reg: problem.reg,
    tau1: problem.tau1,
    tau2: problem.tau2,
  };
}

/** A careful descent solves every level by Newton before it goes on; a bold one only passes through. */
type Descent = 'bold' | 'careful';

/** ε from the largest cost down to reg. */
function levels(active: ActiveProblem, factor: number): number[] {
  let top = 0;
  for (let k = 0; k < active.cost.length; k++) top = Math.max(top, Math.abs(active.cost[k]!));
  const result: number[] = [];
  for (let level = top; level > active.reg * 1.01; level /= factor) result.push(level);
  result.push(active.reg);
  return result;
}

function descend(active: ActiveProblem, f: Float64Array, g: Float64Array, schedule: readonly number[], settings: FastSettings, descent: Descent, spent = 0): Scaling {
  const n = active.rows.length;
  const m = active.columns.length;
  const x: Float64Array = f.slice();
  const y: Float64Array = g.slice();
  let iterations = spent;
  let scale = 1;
  let outcome: LevelOutcome = { iterations: 0, residual: Infinity, converged: false };
  for (const [index, level] of schedule.entries()) {
    const last = index === schedule.length - 1;
    for (let i = 0; i < n; i++) x[i] = (x[i]! * scale) / level;
    for (let j = 0; j < m; j++) y[j] = (y[j]! * scale) / level;
    scale = level;
    const kernel = gibbsKernel(n, m, active.cost, active.logC, level);
    outcome = solveLevel(active, kernel, level, x, y, last ? 'final' : descent === 'careful' ? 'solved' : 'passing', settings, settings.maxIterations - iterations);
    iterations += outcome.iterations;
  }
  return { logU: x, logV: y, iterations, error: outcome.residual, converged: outcome.converged };
}

interface LevelOutcome {
  readonly iterations: number;
  readonly residual: number;
  readonly converged: boolean;
}

/** What a level must reach: close, solved before going on, or certified. */
type LevelGoal = 'passing' | 'solved' | 'final';

/** Solve one ε level in place on (x, y) = potentials/ε. */
function solveLevel(active: ActiveProblem, kernel: GibbsKernel, level: number, x: Float64Array, y: Float64Array, goal: LevelGoal, settings: FastSettings, budget: number): LevelOutcome {
  const { n, m } = kernel;
  const { logA, logB, tau1, tau2 } = active;
  const rho1 = relaxation(tau1, level);
  const rho2 = relaxation(tau2, level);
  const k1 = isHard(tau1) ? 0 : level / tau1;
  const k2 = isHard(tau2) ? 0 : level / tau2;
  // Error of a contraction ≤ residual/(1−ρ₁ρ₂): what the residual must be for log π to be known to PLAN_ACCURACY.
  const contractionGap = 1 - rho1 * rho2;
  const last = goal === 'final';
  const useNewton = goal === 'solved' || (last && n + m <= NEWTON_LIMIT);
  const target = Math.min(settings.tolerance, PLAN_ACCURACY * contractionGap);
  const newtonAfter = 24 + Math.ceil(Math.max(n, m) / 2);
  const anderson = new Anderson(m);
  const image = new Float64Array(m);
  const previousX = new Float64Array(n);
  let best = Infinity;
  let residual = Infinity;
  let iterations = 0;
  while (iterations < budget) {
    iterations++;
    previousX.set(x);
    kernel.rows(y, x);
    for (let i = 0; i < n; i++) x[i] = rho1 * (logA[i]! - x[i]!);
    kernel.columns(x, image);
    for (let j = 0; j < m; j++) image[j] = rho2 * (logB[j]! - image[j]!);
    translate(x, image, logA, logB, k1, k2);
    let moved = 0;
    let magnitude = 1;
    for (let j = 0; j < m; j++) {
      moved = Math.max(moved, Math.abs(image[j]! - y[j]!));
      magnitude = Math.max(magnitude, Math.abs(image[j]!));
    }
    // Both potentials, or a warm start after a change of one τ alone would stop at once on the old plan.
    let movedX = 0;
    for (let i = 0; i < n; i++) movedX = Math.max(movedX, Math.abs(x[i]! - previousX[i]!));
    residual = iterations === 1 ? Math.max(moved, movedX) : moved;
    const floor = ROUNDING * magnitude;
    const done = last ? iterations > 1 && Math.max(residual, movedX) <= Math.max(target, floor) : residual < PASSING_RESIDUAL || iterations >= PASSING_SWEEPS;
    if (done) {
      y.set(image);
      const certified = goal === 'passing' || (last && target >= floor);
      if (certified || !useNewton) return { iterations, residual, converged: last && residual <= Math.max(settings.tolerance, floor) };
      break;
    }
    if (!Number.isFinite(residual)) break;
    if (residual > 100 * best) anderson.reset();
    best = Math.min(best, residual);
    anderson.advance(y, image);
    kernel.absorb(x, y);
    if (useNewton && iterations >= newtonAfter) break;
  }
  if (!useNewton) return { iterations, residual, converged: false };
  const finish = newtonFinish({ kernel, logA, logB, k1, k2 }, x, y);
  return { iterations: iterations + finish.steps, residual: finish.residual, converged: finish.residual <= NEWTON_RESIDUAL * (contractionGap || 1) + floorOf(x, y) };
}

function floorOf(x: Float64Array, y: Float64Array): number {
  let magnitude = 1;
  for (const values of [x, y]) for (const value of values) magnitude = Math.max(magnitude, Math.abs(value));
  return ROUNDING * magnitude;
}

/**
 * Add λ to f and take it from g so that both mass terms agree: A = Σa e^{−f/τ₁}, B = Σb e^{−g/τ₂},
 * λ = (log A − log B)/(1/τ₁ + 1/τ₂), here in units of ε. It removes the slow mode of the unbalanced iteration. With two
 * hard marginals any λ gives the same plan; the one that makes both means equal keeps the potentials small.
 */
function translate(x: Float64Array, y: Float64Array, logA: Float64Array, logB: Float64Array, k1: number, k2: number): void {
  if (k1 + k2 === 0) return shiftBoth(x, y, (mean(y) - mean(x)) / 2);
  const massA = logSumExp(logA.map((value, i) => value - k1 * x[i]!));
  const massB = logSumExp(logB.map((value, j) => value - k2 * y[j]!));
  shiftBoth(x, y, (massA - massB) / (k1 + k2));
}

function shiftBoth(x: Float64Array, y: Float64Array, shift: number): void {
  for (let i = 0; i < x.length; i++) x[i] = x[i]! + shift;
  for (let j = 0; j < y.length; j++) y[j] = y[j]! - shift;
}

const mean = (values: Float64Array): number => sum(values) / values.length;

function indicesOf(alive: Uint8Array): Int32Array {
  const result: number[] = [];
  for (let k = 0; k < alive.length; k++) if (alive[k]) result.push(k);
  return Int32Array.from(result);
}

function gather(values: Float64Array, indices: Int32Array): Float64Array {
  const result = new Float64Array(indices.length);
  for (let k = 0; k < indices.length; k++) result[k] = values[indices[k]!]!;
  return result;
}

function gatherMatrix(values: Float64Array, stride: number, rows: Int32Array, columns: Int32Array): Float64Array {
  const result = new Float64Array(rows.length * columns.length);
  let k = 0;
  for (const i of rows) for (const j of columns) result[k++] = values[i * stride + j]!;
  return result;
}

function scatter(values: Float64Array, indices: Int32Array, length: number): Float64Array {
  const result = new Float64Array(length);
  for (let k = 0; k < indices.length; k++) result[indices[k]!] = values[k]!;
  return result;
}
