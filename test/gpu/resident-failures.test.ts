import { expect, test } from 'vitest';
import { Random } from '../../src/base/random.ts';
import { UserError } from '../../src/base/errors.ts';
import { uniformWeights } from '../../src/core/ot/problem.ts';
import { solve, type Mode } from '../../src/core/ot/solve.ts';
import { Buffers, readBack } from '../../src/gpu/buffers.ts';
import { DeviceCost } from '../../src/gpu/device-cost.ts';
import { openDevice } from '../../src/gpu/device.ts';
import { centre } from '../../src/gpu/prepare.ts';
import { ResidentCost, type ResidentSettings } from '../../src/gpu/resident.ts';
import { GpuSolver } from '../../src/gpu/solver.ts';
import type { DeviceRows, ResidentTerm } from '../../src/gpu/terms.ts';
import { transposed } from '../../src/gpu/matrix.ts';
import { nodeGpu } from '../../scripts/node/gpu.ts';
import { relativeDistance } from '../support/ot.ts';
import { describeOnGpu } from './device.ts';

/* A cost on the device that cannot be measured, held or finished says so, and never becomes a plan of zeros. */

async function failureOf(work: Promise<unknown>): Promise<{ code: string; message: string }> {
  try {
    await work;
  } catch (thrown) {
    if (thrown instanceof UserError) return thrown;
    throw thrown;
  }
  return { code: 'no error', message: '' };
}

const rowsOf = (count: number, width: number, seed: number): DeviceRows & { readonly values: Float32Array<ArrayBuffer> } => {
  const random = new Random(seed);
  return { width, values: Float32Array.from({ length: count * width }, () => random.normal()) };
};

const labelled = (n: number, m: number, widths: readonly [number, number] = [3, 3]): ResidentTerm => ({ name: 'state', embed: null, label: { source: rowsOf(n, widths[0], 1), target: rowsOf(m, widths[1], 2), weight: 0.2 } });

const settingsOf = (n: number, m: number, over: Partial<ResidentSettings> = {}): ResidentSettings => ({ a: uniformWeights(n), b: uniformWeights(m), prior: { kind: 'product' }, reg: 0.1, tau1: 1, tau2: 1, sigma: 1, mode: 'fast', ...over });

async function costOf(solver: GpuSolver, n: number, m: number): Promise<ResidentCost> {
  const cost = await ResidentCost.measure(solver, n, m, [labelled(n, m)]);
  await cost.combine([1]);
  return cost;
}

describeOnGpu('a cost on the device that fails', ({ device }) => {
  const solver = new GpuSolver(device);
  const measured = (term: ResidentTerm): Promise<ResidentCost> => ResidentCost.measure(solver, 4, 5, [term]);

  test('vectors of two widths, of the wrong number, on neither part', async () => {
    const widths = await failureOf(measured(labelled(4, 5, [3, 2])));
    expect(widths.code).toBe('width-mismatch');
    expect(widths.message).toContain('The source has 3 values per frame and the target has 2 in the labels of the term "state"');
    expect((await failureOf(measured(labelled(5, 5)))).message).toContain('The source labels of the term "state" hold 15 values, but 4 frames of width 3 need 12.');
    const buffers = new Buffers(device);
    const short = { width: 8, buffer: buffers.storage(16) };
    expect((await failureOf(measured({ name: 'eyes', embed: { source: short, target: rowsOf(5, 8, 1), weight: 1 }, label: null }))).code).toBe('bad-rows');
    buffers.destroy();
    expect((await failureOf(measured({ name: 'empty', embed: null, label: null }))).code).toBe('no-weight');
  });

  test.each([Number.NaN, Infinity])('%s in the vectors: there is no cost then, and no plan', async (value) => {
    const term = labelled(4, 5);
    const label = { ...term.label!, source: { width: 3, values: rowsOf(4, 3, 1).values.fill(value, 7, 8) } };
    const cost = await ResidentCost.measure(solver, 4, 5, [{ ...term, label }, labelled(4, 5)]);
    const failure = await failureOf(cost.combine([1, 1]));
    expect(failure.code).toBe('bad-problem');
    expect(failure.message).toContain('source 2');
    await expect(cost.solve(settingsOf(4, 5))).rejects.toThrow(/combined before/);
    cost.destroy();
  });

  test('settings that are none', async () => {
    // Beyond one workgroup: those kernels a software adapter compiles in a fraction of the time.
    const cost = await costOf(solver, 70, 5);
    expect((await failureOf(cost.solve(settingsOf(70, 5, { reg: 0 })))).code).toBe('bad-problem');
    expect((await failureOf(cost.solve(settingsOf(70, 4)))).code).toBe('bad-problem');
    expect((await failureOf(cost.solve(settingsOf(70, 5, { tau1: Infinity, tau2: Infinity, a: new Float64Array(70).fill(1) })))).code).toBe('infeasible');
    cost.destroy();
  });

  test('centred costs are the host\'s, and so are both transposes', async () => {
    const [n, m] = [37, 21];
    const random = new Random(4);
    const values = Float32Array.from({ length: n * m }, () => 5 + random.uniform());
    const buffers = new Buffers(device);
    const total = { straight: buffers.filled(values), flipped: buffers.filled(transposed(values, n, m)), length: n * m };
    const cost = await DeviceCost.of(device, solver.pipelines, { n, m }, total, buffers);
    const truth = centre({ n, m, cost: Float64Array.from(values) });
    expect(relativeDistance(cost.centred.rows, truth.rows)).toBe(0);
    expect(Math.abs(cost.centred.span - truth.span)).toBeLessThanOrEqual(1e-6);
    expect(cost.largest).toBe(Math.max(...values));
    const potentials = { f: Float64Array.from({ length: n }, () => random.normal()), g: Float64Array.from({ length: m }, () => random.normal()) };
    for (const [there, here] of [[cost.centred, truth], [await cost.around(potentials, buffers), centre({ n, m, cost: Float64Array.from(values) }, potentials)]] as const) {
      const matrix = there.cost;
      if (matrix instanceof Float32Array) throw new Error('a cost on the device is expected');
      const [straight, flipped] = await readBack(device, [matrix.straight, matrix.flipped].map((buffer) => ({ buffer, bytes: 4 * n * m })));
      expect(relativeDistance(Float64Array.from(new Float32Array(straight!)), Float64Array.from(here.cost as Float32Array))).toBeLessThanOrEqual(1e-6);
      expect(new Float32Array(flipped!)).toEqual(transposed(new Float32Array(straight!), n, m));
    }
    cost.destroy();
  });

  test('an adapter with the smallest limits holds a cost, and refuses by name what it cannot', async () => {
    const adapter = await (await nodeGpu()).requestAdapter();
    const minimal = await adapter!.requestDevice();
    const cost = await costOf(new GpuSolver(minimal), 30, 20);
    for (const prior of [{ kind: 'product' }, { kind: 'soft', epsilon: 0.2 }] as const)
      for (const mode of ['parity', 'fast'] satisfies Mode[]) {
        const settings = settingsOf(30, 20, { prior, mode });
        const { plan } = await cost.solve(settings);
        expect(relativeDistance(Float64Array.from(plan), solve(await cost.problem(settings), { mode }).plan)).toBeLessThanOrEqual(1e-4);
      }
    expect((await failureOf(ResidentCost.measure(new GpuSolver(minimal), 8192, 8192, [labelled(1, 1)]))).message).toMatch(/8192 × 8192 plan takes 256 MiB/);
    const wide = { width: 40_000_000, values: new Float32Array(1) };
    expect((await failureOf(ResidentCost.measure(new GpuSolver(minimal), 1, 1, [{ name: 'wide', embed: null, label: { source: wide, target: wide, weight: 1 } }]))).message).toMatch(/source labels of the term "wide" take 153 MiB, and this GPU allows 128 MiB/);
    minimal.destroy();
  });

  test.each(['parity', 'fast'] satisfies Mode[])('a device that goes in the middle of a %s tick', async (mode) => {
    const other = await openDevice(await nodeGpu());
    const cost = await costOf(new GpuSolver(other.device), 64, 64);
    const running = failureOf(cost.solve(settingsOf(64, 64, { reg: 0.003, mode })));
    const reading = failureOf(cost.readTerms());
    await Promise.resolve();
    other.device.destroy();
    expect((await running).code).toBe('gpu-lost');
    expect((await reading).code).toBe('gpu-lost');
    expect((await failureOf(cost.combine([1]))).code).toBe('gpu-lost');
    cost.destroy();
  });
});
