import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { Random } from '../../src/base/random.ts';
import { uniformWeights, type UotProblem } from '../../src/core/ot/problem.ts';
import { Backend } from '../../src/engine/backend.ts';
import { regimeMap, regimeProblems, responseCurves, responseProblems } from '../../src/engine/sweeps.ts';
import { ResidentCost, type ResidentSettings } from '../../src/gpu/resident.ts';
import { nodeGpu } from '../../scripts/node/gpu.ts';
import { makeProblem } from '../support/ot.ts';
import { describeOnGpu } from './device.ts';

/* The engine's backend on a device that was asked for, as a worker with `?backend=webgpu` has it. */

function finished<T>(steps: Generator<void, T>): T {
  for (;;) {
    const step = steps.next();
    if (step.done) return step.value;
  }
}

/** Largest |x/y − 1|; what one side does not know, the other must not. */
function worstRatio(values: Float64Array, truth: Float64Array): number {
  let worst = 0;
  values.forEach((value, k) => {
    if (Number.isNaN(value) && Number.isNaN(truth[k])) return;
    const deviation = Math.abs(value / truth[k]! - 1);
    worst = Number.isNaN(deviation) ? Infinity : Math.max(worst, deviation);
  });
  return worst;
}

describeOnGpu('the engine\'s backend', () => {
  const backend = new Backend();
  beforeAll(async () => {
    vi.stubGlobal('navigator', { gpu: await nodeGpu() });
    await backend.choose('webgpu');
  });
  afterAll(async () => {
    await backend.choose('cpu');
    vi.unstubAllGlobals();
  });

  test('a tick on a cost of its device, verified against float64', async () => {
    const [n, m] = [24, 18];
    const random = new Random(3);
    const rows = (count: number): { width: number; values: Float32Array<ArrayBuffer> } => ({ width: 6, values: Float32Array.from({ length: count * 6 }, () => random.normal() / 3) });
    const cost = await ResidentCost.measure((await backend.solver())!, n, m, [{ name: 'state', embed: null, label: { source: rows(n), target: rows(m), weight: 1 } }]);
    await cost.combine([1]);
    const settings: ResidentSettings = { a: uniformWeights(n), b: uniformWeights(m), prior: { kind: 'soft', epsilon: 0.3 }, reg: 0.05, tau1: 1, tau2: 1, sigma: 1, mode: 'fast' };
    const { solution, termCosts, handedOver } = await backend.solveResident(cost, settings);
    expect(handedOver).toBeNull();
    expect(solution.plan).toBeInstanceOf(Float64Array);
    expect(termCosts[0]! / solution.transportCost).toBeCloseTo(1, 5);
    const report = await backend.verifyResident(cost, settings);
    expect(report.difference).toBeLessThanOrEqual(1e-4);
    expect(report.adapter).not.toBe('');
    cost.destroy();
  });

  test.each([
    ['a product prior', makeProblem(10, 10, { tau1: 0.1, tau2: 0.2 })],
    ['a mask', makeProblem(8, 8, { prior: { kind: 'diagonal' } })],
    ['hard marginals', makeProblem(9, 7, { tau1: Infinity, tau2: Infinity })],
  ] as [string, UotProblem][])('response curves and regime map in one batch are the float64 ones, for %s', async (_, problem) => {
    const responses = await backend.solveSweep(responseProblems(problem));
    const curves = finished(responseCurves(problem, responses));
    const trueCurves = finished(responseCurves(problem));
    for (const name of ['reg', 'tau1', 'tau2'] as const) expect(worstRatio(curves[name], trueCurves[name]), name).toBeLessThanOrEqual(1e-4);
    // 560 problems take a software adapter a while: once is enough.
    if (problem.prior.kind !== 'product' || problem.tau1 === Infinity) return;
    const map = finished(regimeMap(problem, 2, await backend.solveSweep(regimeProblems(problem))));
    const trueMap = finished(regimeMap(problem, 2));
    for (const name of ['mass', 'perplexity', 'loss'] as const) expect(worstRatio(map[name], trueMap[name]), name).toBeLessThanOrEqual(1e-3);
    if (problem.n === problem.m) expect(worstRatio(map.diagRatio, trueMap.diagRatio)).toBeLessThanOrEqual(1e-3);
  });

  test('a sweep that is too large is the CPU\'s', async () => {
    expect(await backend.solveSweep([makeProblem(65, 3)])).toBeNull();
    const cpu = new Backend();
    expect(await cpu.solveSweep([makeProblem(6, 6)])).toBeNull();
    expect(await cpu.solver()).toBeNull();
  });

  test('a lost device is asked for again, and its costs are told from those of the new one', async () => {
    const before = (await backend.solver())!;
    before.device.destroy();
    await before.device.lost;
    // The backend hears of it one turn later.
    await new Promise((resolve) => setImmediate(resolve));
    const after = (await backend.solver())!;
    expect(after).not.toBe(before);
    // Beyond one workgroup, whose kernels compile sooner.
    expect((await backend.solve(makeProblem(70, 6), { mode: 'fast' })).solution.converged).toBe(true);
  });
});
