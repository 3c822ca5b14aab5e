import type { Potentials } from '../core/ot/fast.ts';
import type { UotProblem } from '../core/ot/problem.ts';
import { Buffers, readBack } from './buffers.ts';
import { guarded } from './errors.ts';
import { checkMemory } from './large.ts';
import { bindGroup, dispatch, type Pipelines } from './pipelines.ts';
import { centre, NONE, prepare, priorMatrix, transposed, type Side } from './prepare.ts';

const THREADS = 64;

/** The plan of given potentials, and what follows from it. Sums run over exp(log π − s), as in the float64 evaluation. */
export interface GpuPlan {
  /** π, row-major n × m. */
  readonly plan: Float32Array;
  /** π1, length n, and πᵀ1, length m. */
  readonly rowMass: Float64Array;
  readonly columnMass: Float64Array;
  readonly mass: number;
  /** log Σπ, finite where Σπ has underflowed. */
  readonly logMass: number;
  /** ⟨π,M⟩, units of cost. */
  readonly transportCost: number;
  /** −Σ π log π. */
  readonly entropy: number;
}

/**
 * π = exp(log u + log K + log v) and its sums, on the GPU (shaders/plan.wgsl).
 *
 * Costs are centred at the potentials in float64 first, so log π is known to float32's precision of itself rather than
 * of M/reg.
 * @param potentials in units of cost
 * @throws UserError as `guarded`, `gpu-memory`
 */
export async function planOf(device: GPUDevice, pipelines: Pipelines, problem: UotProblem, potentials: Potentials): Promise<GpuPlan> {
  const { n, m, a, b, reg } = problem;
  checkMemory(device, problem);
  const pipeline = await pipelines.get(['plan']);
  const { rows, columns, centred, prior } = prepare(problem, 'parity', centre(problem, potentials), priorMatrix(problem));
  const fromRows = factors(rows, a, potentials.f);
  const fromColumns = factors(columns, b, potentials.g);
  const buffers = new Buffers(device);
  try {
    const outputs = await guarded(device, `the ${n} × ${m} plan`, () => {
      const rowFactors = buffers.filled(fromRows);
      const columnFactors = buffers.filled(fromColumns);
      const cost = buffers.filled(centred.cost);
      const flippedCost = buffers.filled(transposed(centred.cost, n, m));
      const straightPrior = prior ? buffers.filled(prior) : cost;
      const flippedPrior = prior ? buffers.filled(transposed(prior, n, m)) : flippedCost;
      const plan = buffers.storage(n * m * 4);
      const rowSums = buffers.storage(n * 16);
      const columnSums = buffers.storage(m * 16);
      // Bound where nothing is stored: a buffer may not be bound for writing twice.
      const unused = buffers.storage(16);
      const encoder = device.createCommandEncoder();
      const pass = encoder.beginComputePass();
      const run = (lines: number, length: number, store: boolean, inputs: readonly GPUBuffer[], sums: GPUBuffer): void => {
        const shape = new ArrayBuffer(32);
        new Uint32Array(shape).set([lines, length, store ? 1 : 0, prior ? 1 : 0]);
        new Float32Array(shape)[4] = -Math.LOG2E / reg;
        dispatch(pass, pipeline, bindGroup(device, pipeline, [...inputs, store ? plan : unused, sums, buffers.uniform(shape)]), Math.ceil(lines / THREADS));
      };
      run(m, n, true, [cost, straightPrior, rowFactors, columnFactors], columnSums);
      run(n, m, false, [flippedCost, flippedPrior, columnFactors, rowFactors], rowSums);
      pass.end();
      device.queue.submit([encoder.finish()]);
      return [
        { buffer: plan, bytes: n * m * 4 },
        { buffer: rowSums, bytes: n * 16 },
        { buffer: columnSums, bytes: m * 16 },
      ];
    });
    const [plan, rowSums, columnSums] = await readBack(device, outputs);
    return summarise(new Float32Array(plan!), new Float32Array(rowSums!), new Float32Array(columnSums!), centred.rows, centred.columns);
  } finally {
    buffers.destroy();
  }
}

/** log2 of what a line brings to π beside the centred kernel: its factor of c, or nothing at all. */
function factors({ bias }: Side, weights: Float64Array, potential: Float64Array): Float32Array<ArrayBuffer> {
  return Float32Array.from(bias, (value, k) => (weights[k] === 0 || potential[k] === -Infinity ? NONE : value));
}

/** From sums a line, each scaled by 2^−t, to masses and totals (float64). */
function summarise(plan: Float32Array, rowSums: Float32Array, columnSums: Float32Array, f: Float64Array, g: Float64Array): GpuPlan {
  const top = columnSums.reduce((largest, value, k) => (k % 4 === 0 && columnSums[k + 1]! > 0 ? Math.max(largest, value) : largest), -Infinity);
  const massOf = (sums: Float32Array): Float64Array => Float64Array.from({ length: sums.length / 4 }, (_, k) => sums[4 * k + 1]! * 2 ** sums[4 * k]!);
  const rowMass = massOf(rowSums);
  const columnMass = massOf(columnSums);
  let scaled = 0;
  let cost = 0;
  let crossed = 0;
  for (let k = 0; k < columnSums.length; k += 4) {
    const share = 2 ** (columnSums[k]! - top);
    scaled += columnSums[k + 1]! * share;
    cost += columnSums[k + 2]! * 2 ** columnSums[k]!;
    crossed += columnSums[k + 3]! * 2 ** columnSums[k]!;
  }
  // ⟨π,M⟩ = ⟨π,M′⟩ + ⟨π1,f⟩ + ⟨πᵀ1,g⟩: what centring took out of the costs comes back with the marginals.
  for (let i = 0; i < rowMass.length; i++) cost += rowMass[i]! * f[i]!;
  for (let j = 0; j < columnMass.length; j++) cost += columnMass[j]! * g[j]!;
  const logMass = scaled > 0 ? (Math.log2(scaled) + top) * Math.LN2 : -Infinity;
  return { plan, rowMass, columnMass, mass: Math.exp(logMass), logMass, transportCost: cost, entropy: -crossed * Math.LN2 };
}
