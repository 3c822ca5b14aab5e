import { perplexityOf } from '../core/ot/evaluate.ts';
import type { Potentials } from '../core/ot/fast.ts';
import { Buffers, computed, type Reading } from './buffers.ts';
import { checkMemory } from './large.ts';
import { onDevice } from './matrix.ts';
import { bindGroup, dispatch, type Pipelines } from './pipelines.ts';
import { HARDLY_ANY, NONE, type Centred } from './prepare.ts';
import type { Task } from './task.ts';

const THREADS = 64;

/** What a plan is made of. */
export interface PlanRequest extends Pick<Task, 'problem' | 'prior'> {
  readonly centred: Centred;
  /** Units of cost; −∞ and NaN leave a line empty. */
  readonly potentials: Potentials;
  /** Matrices of the plan's shape on the device, row-major, that are to be weighed with it. */
  readonly terms?: readonly GPUBuffer[];
}

/** The plan of given potentials, and what follows from it. Sums run over exp(log π − s), as in the float64 evaluation. */
export interface GpuPlan {
  /** π, row-major n × m. */
  readonly plan: Float32Array<ArrayBuffer>;
  /** π1, length n, and πᵀ1, length m. */
  readonly rowMass: Float64Array;
  readonly columnMass: Float64Array;
  /** 1 for lines with an entry that c, weights and potentials leave above 0. */
  readonly rowReached: Uint8Array;
  readonly columnReached: Uint8Array;
  readonly mass: number;
  /** log Σπ, finite where Σπ has underflowed. */
  readonly logMass: number;
  /** Σπ_ii; null unless n = m. */
  readonly diagonalMass: number | null;
  /** ⟨π,M⟩, units of cost. */
  readonly transportCost: number;
  /** ⟨π,T⟩ for each of the terms asked for. */
  readonly termCosts: Float64Array;
  /** −Σ π log π. */
  readonly entropy: number;
  /** exp(H(π̂) − H(row sums of π̂)); NaN without any mass. */
  readonly perplexity: number;
}

/**
 * π = exp(log u + log K + log v) and its sums, on the GPU (shaders/plan.wgsl). The nearer the potentials at which costs
 * are centred are to the given ones, the better is log π known: to float32's precision of M'/reg.
 * @throws UserError as `guarded`, `gpu-memory`
 */
export async function planOf(device: GPUDevice, pipelines: Pipelines, { problem, prior, centred, potentials, terms = [] }: PlanRequest): Promise<GpuPlan> {
  const { n, m, a, b, reg } = problem;
  checkMemory(device, problem);
  const pipeline = await pipelines.get(['plan']);
  const factored = problem.prior.kind === 'product';
  const fromRows = factors(a, potentials.f, centred.rows, reg, factored);
  const fromColumns = factors(b, potentials.g, centred.columns, reg, factored);
  const buffers = new Buffers(device);
  try {
    const outputs = await computed(device, `the ${n} × ${m} plan`, () => {
      const rowFactors = buffers.filled(fromRows);
      const columnFactors = buffers.filled(fromColumns);
      const costs = onDevice(buffers, centred.cost, n, m);
      const priors = prior ? onDevice(buffers, prior.matrix, n, m) : costs;
      const plan = buffers.storage(n * m * 4);
      const diagonal = buffers.storage(m * 4);
      // Bound where nothing is stored: a buffer may not be bound for writing twice.
      const unused = [buffers.storage(16), buffers.storage(16)];
      const settings = [true, false].map((store) => [n, m].map((lines) => buffers.uniform(shapeOf(lines, n + m - lines, store, prior !== null, reg))));
      const encoder = device.createCommandEncoder();
      const pass = encoder.beginComputePass();
      const run = (lines: number, shape: GPUBuffer, inputs: readonly GPUBuffer[], outputPair: readonly GPUBuffer[]): Reading => {
        const sums = buffers.storage(lines * 16);
        dispatch(pass, pipeline, bindGroup(device, pipeline, [...inputs, ...outputPair, sums, shape]), Math.ceil(lines / THREADS));
        return { buffer: sums, bytes: lines * 16 };
      };
      const [[, storing], [byRow, byColumn]] = settings as [[GPUBuffer, GPUBuffer], [GPUBuffer, GPUBuffer]];
      const columnSums = run(m, storing, [costs.straight, priors.straight, costs.straight, rowFactors, columnFactors], [plan, diagonal]);
      const rowSums = run(n, byRow, [costs.flipped, priors.flipped, costs.flipped, columnFactors, rowFactors], unused);
      const termSums = terms.map((term) => run(m, byColumn, [costs.straight, priors.straight, term, rowFactors, columnFactors], unused));
      pass.end();
      device.queue.submit([encoder.finish()]);
      return [{ buffer: plan, bytes: n * m * 4 }, { buffer: diagonal, bytes: m * 4 }, columnSums, rowSums, ...termSums];
    });
    const [plan, diagonal, ...sums] = outputs.map((bytes) => new Float32Array(bytes));
    return summarise(plan!, n === m ? diagonal! : null, sums, centred);
  } finally {
    buffers.destroy();
  }
}

function shapeOf(lines: number, length: number, store: boolean, hasPrior: boolean, reg: number): ArrayBuffer {
  const shape = new ArrayBuffer(32);
  new Uint32Array(shape).set([lines, length, store ? 1 : 0, hasPrior ? 1 : 0]);
  new Float32Array(shape)[4] = -Math.LOG2E / reg;
  return shape;
}

/** log2 of what a line brings to π beside the centred kernel: its factor of c and what centring left of its potential. */
function factors(weights: Float64Array, potential: Float64Array, offset: Float64Array, reg: number, factored: boolean): Float32Array<ArrayBuffer> {
  return Float32Array.from(weights, (weight, k) => {
    if (weight === 0 || !Number.isFinite(potential[k]!)) return NONE;
    return (factored ? Math.log2(weight) : 0) + ((potential[k]! - offset[k]!) / reg) * Math.LOG2E;
  });
}

/** From sums a line, each scaled by 2^−t, to masses and totals (float64). @param sums of columns, of rows, then of each term by column */
export function summarise(plan: Float32Array<ArrayBuffer>, diagonal: Float32Array | null, sums: readonly Float32Array[], { rows, columns }: Pick<Centred, 'rows' | 'columns'>): GpuPlan {
  const [byColumn, byRow, ...byTerm] = sums as [Float32Array, Float32Array, ...Float32Array[]];
  let top = -Infinity;
  for (let k = 0; k < byColumn.length; k += 4) if (byColumn[k + 1]! > 0) top = Math.max(top, byColumn[k]!);
  const scaled = (values: Float32Array): Float64Array => Float64Array.from({ length: values.length / 4 }, (_, k) => (values[4 * k + 1]! > 0 ? values[4 * k + 1]! * 2 ** (values[4 * k]! - top) : 0));
  const reached = (values: Float32Array): Uint8Array => Uint8Array.from({ length: values.length / 4 }, (_, k) => (values[4 * k]! > HARDLY_ANY ? 1 : 0));
  const weighed = (values: Float32Array): number => {
    let total = 0;
    for (let k = 0; k < values.length; k += 4) total += values[k + 2]! * 2 ** values[k]!;
    return total;
  };
  const rowShares = scaled(byRow);
  const columnShares = scaled(byColumn);
  let total = 0;
  let crossed = 0;
  for (let j = 0; j < columnShares.length; j++) {
    const share = columnShares[j]!;
    total += share;
    // Σ p·log2 π = 2^t·(Σ p·log2 p + t·Σ p), here in units of 2^top.
    if (share > 0) crossed += byColumn[4 * j + 3]! * 2 ** (byColumn[4 * j]! - top) + share * byColumn[4 * j]!;
  }
  const logMass = total > 0 ? (Math.log2(total) + top) * Math.LN2 : -Infinity;
  const scale = total > 0 ? 2 ** top : 0;
  const rowMass = rowShares.map((value) => value * scale);
  const columnMass = columnShares.map((value) => value * scale);
  let cost = weighed(byColumn);
  // ⟨π,M⟩ = ⟨π,M′⟩ + ⟨π1,r⟩ + ⟨πᵀ1,c⟩: what centring took out of the costs comes back with the marginals.
  for (let i = 0; i < rowMass.length; i++) cost += rowMass[i]! * rows[i]!;
  for (let j = 0; j < columnMass.length; j++) cost += columnMass[j]! * columns[j]!;
  return {
    plan,
    rowMass,
    columnMass,
    rowReached: reached(byRow),
    columnReached: reached(byColumn),
    mass: Math.exp(logMass),
    logMass,
    diagonalMass: diagonal && diagonal.reduce((sum, value) => sum + 2 ** value, 0),
    transportCost: cost,
    termCosts: Float64Array.from(byTerm, weighed),
    entropy: -crossed * scale * Math.LN2,
    perplexity: perplexityOf(rowShares, total, (crossed / total) * Math.LN2 - logMass),
  };
}
