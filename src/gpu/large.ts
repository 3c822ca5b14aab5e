import { UserError } from '../base/errors.ts';
import { Anderson } from '../core/ot/anderson.ts';
import type { Potentials } from '../core/ot/fast.ts';
import { relaxation } from '../core/ot/kernel.ts';
import { isHard, type Conditions } from '../core/ot/problem.ts';
import type { Mode } from '../core/ot/solve.ts';
import { Buffers, readBack } from './buffers.ts';
import { guarded } from './errors.ts';
import { HalfStep, sideBuffer } from './half.ts';
import type { IterationSettings, RawOutcome } from './outcome.ts';
import { bindGroup, dispatch, type Pipelines } from './pipelines.ts';
import { onDevice } from './matrix.ts';
import { fitting, potentialOf, prepare, startOf, type Prepared } from './prepare.ts';
import type { Task } from './task.ts';

/** Iterations a submission, and entries it may sum, on a software adapter and on a real one: about a second. */
const CHUNK = 200;
const WORK = { software: 2e8, hardware: 2e10 } as const;

/** ε-scaling as in fast_small.wgsl; residuals in log2 units. */
const LEVEL_FACTOR = 4;
const PASSING_RESIDUAL = 0.1;
const PASSING_SWEEPS = 8;
const ROUNDING = 2.4e-7;
const ASTRAY = 30;

/**
 * Solve a problem that is too large for one workgroup: half-steps over the whole GPU (shaders/half_*.wgsl).
 *
 * Parity mode runs on the GPU alone, with POT's stop rule there (shaders/check.wgsl). In fast mode translation and
 * mixing, vectors of n + m numbers, are done here in float64 between sweeps.
 * @throws UserError `gpu-memory` when the matrices do not fit, before anything is allocated
 */
export async function solveLarge(device: GPUDevice, pipelines: Pipelines, { problem, cost, prior }: Task, mode: Mode, warm: Potentials | null, settings: IterationSettings, software: boolean): Promise<RawOutcome> {
  checkMemory(device, problem);
  const prepared = prepare(problem, mode, cost.centred, prior);
  const buffers = new Buffers(device);
  try {
    const sweep = await openSweep(device, pipelines, buffers, problem, prepared, mode);
    const start = fitting(warm, problem);
    await guarded(device, 'the starting potentials', () => {
      sweep.rows.start(startOf(prepared.rows, start?.f ?? null, mode, problem.reg));
      sweep.columns.start(startOf(prepared.columns, start?.g ?? null, mode, problem.reg));
    });
    if (mode === 'parity') return await iterateParity(device, pipelines, buffers, problem, prepared, sweep, settings, software);
    return await iterateFast(device, problem, prepared, sweep, start !== null, settings);
  } finally {
    buffers.destroy();
  }
}

/**
 * Refuse what the adapter cannot hold.
 * @throws UserError `gpu-memory` with both figures
 */
export function checkMemory({ limits }: GPUDevice, { n, m }: Pick<Conditions, 'n' | 'm'>): void {
  const needed = n * m * 4;
  const most = Math.min(limits.maxBufferSize, limits.maxStorageBufferBindingSize);
  if (needed > most)
    throw new UserError('gpu-memory', `A ${n} × ${m} plan takes ${mebibytes(needed)} MiB a matrix, and this GPU allows ${mebibytes(most)} MiB. Draw a smaller batch, or use the CPU.`);
}

const mebibytes = (bytes: number): number => Math.ceil(bytes / 2 ** 20);

interface Sweep {
  readonly rows: HalfStep;
  readonly columns: HalfStep;
  /** iterations, done, error, steady. */
  readonly state: GPUBuffer;
}

async function openSweep(device: GPUDevice, pipelines: Pipelines, buffers: Buffers, { n, m, reg, tau1, tau2 }: Conditions, prepared: Prepared, mode: Mode): Promise<Sweep> {
  const partial = await pipelines.get(['half_partial']);
  const combine = await pipelines.get(['half_combine']);
  const { centred, prior } = prepared;
  return guarded(device, `a ${n} × ${m} problem`, () => {
    const state = buffers.storage(16);
    const costs = onDevice(buffers, centred.cost, n, m);
    const priors = prior && onDevice(buffers, prior.matrix, n, m);
    const common = { device, buffers, partial, combine, state, mode };
    const rows = new HalfStep({ ...common, lines: n, length: m, cost: costs.flipped, prior: priors?.flipped ?? null, side: sideBuffer(buffers, prepared.rows) });
    const columns = new HalfStep({ ...common, lines: m, length: n, cost: costs.straight, prior: priors?.straight ?? null, side: sideBuffer(buffers, prepared.columns) });
    rows.connect(columns);
    columns.connect(rows);
    rows.setLevel(reg, relaxation(tau1, reg));
    columns.setLevel(reg, relaxation(tau2, reg));
    return { rows, columns, state };
  });
}

async function iterateParity(device: GPUDevice, pipelines: Pipelines, buffers: Buffers, problem: Conditions, prepared: Prepared, { rows, columns, state }: Sweep, settings: IterationSettings, software: boolean): Promise<RawOutcome> {
  const { n, m, reg } = problem;
  const pipeline = await pipelines.get(['check']);
  const chunk = Math.max(1, Math.min(CHUNK, Math.floor((software ? WORK.software : WORK.hardware) / (2 * n * m))));
  const check = await guarded(device, 'the stop rule', () => {
    const words = new ArrayBuffer(16);
    new Uint32Array(words).set([n, m, settings.maxIterations]);
    new Float32Array(words)[3] = settings.threshold;
    return bindGroup(device, pipeline, [rows.potential, rows.moved, columns.potential, columns.moved, rows.side, columns.side, state, buffers.uniform(words)]);
  });
  for (;;) {
    await guarded(device, `the parity solve of a ${n} × ${m} problem`, () => {
      const encoder = device.createCommandEncoder();
      const pass = encoder.beginComputePass();
      for (let k = 0; k < chunk; k++) {
        rows.encode(pass);
        columns.encode(pass);
        dispatch(pass, pipeline, check, 1);
      }
      pass.end();
      device.queue.submit([encoder.finish()]);
    });
    const [bytes] = await readBack(device, [{ buffer: state, bytes: 16 }]);
    const flags = new Uint32Array(bytes!);
    if (flags[1] === 0) continue;
    const error = new Float32Array(bytes!)[2]!;
    const { x, y } = await readPotentials(device, rows, columns);
    return {
      f: potentialOf(prepared.rows, x, reg, 'parity'),
      g: potentialOf(prepared.columns, y, reg, 'parity'),
      iterations: flags[0]!,
      error,
      converged: error < settings.threshold,
    };
  }
}

async function readPotentials(device: GPUDevice, rows: HalfStep, columns: HalfStep): Promise<{ x: Float32Array; y: Float32Array }> {
  const [x, y] = await readBack(device, [
    { buffer: rows.potential, bytes: rows.lines * 4 },
    { buffer: columns.potential, bytes: columns.lines * 4 },
  ]);
  return { x: new Float32Array(x!), y: new Float32Array(y!) };
}

/** Sweep, translation, Anderson mixing of y, from coarse to fine ε: fast_small.wgsl with the vectors on this side. */
async function iterateFast(device: GPUDevice, problem: Conditions, prepared: Prepared, { rows, columns }: Sweep, warm: boolean, settings: IterationSettings): Promise<RawOutcome> {
  const { n, m, reg, tau1, tau2 } = problem;
  let y = Float64Array.from(columns.initial);
  let epsilon = warm ? reg : Math.max(reg, prepared.centred.span / LEVEL_FACTOR);
  let iterations = 0;
  for (;;) {
    const last = epsilon <= reg * 1.01;
    const k1 = isHard(tau1) ? 0 : epsilon / tau1;
    const k2 = isHard(tau2) ? 0 : epsilon / tau2;
    const anderson = new Anderson(m);
    let best = Infinity;
    for (let sweep = 1; ; sweep++) {
      iterations++;
      await guarded(device, `the fast solve of a ${n} × ${m} problem`, () => {
        rows.setLevel(epsilon, relaxation(tau1, epsilon));
        columns.setLevel(epsilon, relaxation(tau2, epsilon));
        columns.start(Float32Array.from(y));
        const encoder = device.createCommandEncoder();
        const pass = encoder.beginComputePass();
        rows.encode(pass);
        columns.encode(pass);
        pass.end();
        device.queue.submit([encoder.finish()]);
      });
      const reply = await readPotentials(device, rows, columns);
      const x = Float64Array.from(reply.x);
      const image = Float64Array.from(reply.y);
      translate(prepared, x, image, k1, k2);
      let moved = 0;
      let size = 0;
      for (let j = 0; j < m; j++) {
        moved = Math.max(moved, Math.abs(image[j]! - y[j]!));
        size = Math.max(size, Math.abs(image[j]!));
      }
      const settled = last && sweep > 1 && moved <= Math.max(settings.threshold, ROUNDING * size);
      if (settled || iterations >= settings.maxIterations || !Number.isFinite(moved))
        return { f: potentialOf(prepared.rows, x, epsilon, 'fast'), g: potentialOf(prepared.columns, image, epsilon, 'fast'), iterations, error: moved * Math.LN2, converged: settled };
      if (!last && (moved < PASSING_RESIDUAL || sweep >= PASSING_SWEEPS)) {
        y = image;
        break;
      }
      if (moved > ASTRAY * best) {
        anderson.reset();
        best = moved;
      }
      best = Math.min(best, moved);
      anderson.advance(y, image);
    }
    const finer = epsilon / LEVEL_FACTOR < reg * 1.01 ? reg : epsilon / LEVEL_FACTOR;
    y = y.map((value) => (value * epsilon) / finer);
    epsilon = finer;
  }
}

/** x += t, y −= t with equal mass terms (docs/method.md §3), in log2 units, in place. Lines taken out stay at 0. */
function translate({ rows, columns }: Prepared, x: Float64Array, y: Float64Array, k1: number, k2: number): void {
  if (k1 + k2 === 0) return;
  const massOf = (mass: Float32Array, potential: Float64Array, k: number): number => {
    let top = -Infinity;
    for (let i = 0; i < mass.length; i++) top = Math.max(top, mass[i]! - k * potential[i]!);
    let total = 0;
    for (let i = 0; i < mass.length; i++) total += 2 ** (mass[i]! - k * potential[i]! - top);
    return top + Math.log2(total);
  };
  const shift = (massOf(rows.mass, x, k1) - massOf(columns.mass, y, k2)) / (k1 + k2);
  for (let i = 0; i < x.length; i++) if (rows.bias[i]! > -5e29) x[i] = x[i]! + shift;
  for (let j = 0; j < y.length; j++) if (columns.bias[j]! > -5e29) y[j] = y[j]! - shift;
}
