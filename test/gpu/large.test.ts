import { afterAll, describe, expect, test } from 'vitest';
import { Random } from '../../src/base/random.ts';
import { UserError } from '../../src/base/errors.ts';
import type { Prior, UotProblem } from '../../src/core/ot/problem.ts';
import { solve, type Mode } from '../../src/core/ot/solve.ts';
import type { Potentials } from '../../src/core/ot/fast.ts';
import { openDevice } from '../../src/gpu/device.ts';
import { evaluateOutcome, solveWithHandover } from '../../src/gpu/handover.ts';
import type { HalfPath } from '../../src/gpu/half.ts';
import { solveLarge } from '../../src/gpu/large.ts';
import { hostTasks } from '../../src/gpu/task.ts';
import type { IterationSettings, RawOutcome } from '../../src/gpu/outcome.ts';
import { GpuSolver } from '../../src/gpu/solver.ts';
import { nodeGpu } from '../../scripts/node/gpu.ts';
import { makeProblem, PRIORS, randomWeights, relativeDistance } from '../support/ot.ts';
import { describeOnGpu } from './device.ts';

/* Solves spread over the whole GPU: several sweeps a submission, with nothing but a few words read between. */

const SETTINGS: Readonly<Record<Mode, IterationSettings>> = {
  parity: { maxIterations: 1000, threshold: 1e-6 },
  fast: { maxIterations: 200, threshold: 1e-5 * Math.LOG2E },
};

describeOnGpu('large problems', ({ device, isFallback }) => {
  const solver = new GpuSolver(device);
  const silences: string[] = [];
  device.addEventListener('uncapturederror', ({ error }) => silences.push(error.message));
  afterAll(() => {
    device.destroy();
    expect(silences).toEqual([]);
  });

  const large = (problem: UotProblem, mode: Mode, path: HalfPath = 'pieces', warm: Potentials | null = null, over: Partial<IterationSettings> = {}): Promise<RawOutcome> =>
    solveLarge(device, solver.pipelines, hostTasks([problem])[0]!, mode, warm, { ...SETTINGS[mode], ...over }, isFallback, path);

  function expectOptimum(problem: UotProblem, outcome: RawOutcome, tolerance = 2e-5): void {
    expect(outcome.converged).toBe(true);
    const { plan, gap } = evaluateOutcome(problem, { ...outcome, stalled: false, handover: null }, { mode: 'fast' });
    expect(relativeDistance(plan, solve(problem, { mode: 'fast' }).plan)).toBeLessThanOrEqual(tolerance);
    if (problem.tau1 + problem.tau2 < Infinity) expect(Math.abs(gap)).toBeLessThanOrEqual(1e-5);
  }

  const paths: readonly HalfPath[] = device.features.has('subgroups') ? ['pieces', 'subgroups'] : ['pieces'];
  if (paths.length === 1) test.skip('subgroups, which this adapter has not', () => {});

  describe.each(paths)('%s', (path) => {
    const dense: Prior = { kind: 'dense', values: Float64Array.from({ length: 75 * 33 }, (_, k) => (k % 33 === 4 || k < 33 ? 0 : 0.01 + (k % 7))) };
    const priors: readonly Prior[] = [...PRIORS.filter(({ kind }) => kind !== 'diagonal'), dense];
    test.each(priors)('fast mode finds the float64 optimum: $kind prior, weights of 0, lengths that nothing divides', async (prior) => {
      const random = new Random(4);
      const a = randomWeights(random, 75);
      a[7] = 0;
      const problem = makeProblem(75, 33, { prior, a, b: randomWeights(random, 33, 1.5), reg: 0.03, tau2: 2 });
      expectOptimum(problem, await large(problem, 'fast', path));
    });

    test.each([
      [130, 66, Infinity, 1],
      [33, 131, 1, Infinity],
      [100, 100, Infinity, Infinity],
      [3, 200, 0.5, 1],
    ])('fast mode, %d × %d, τ = %d, %d', async (n, m, tau1, tau2) => {
      const problem = makeProblem(n, m, { reg: 0.05, tau1, tau2 });
      expectOptimum(problem, await large(problem, 'fast', path), 1e-4);
    });

    test.each(PRIORS)('parity counts as the float64 solver does: $kind prior', async (prior) => {
      // A prior is a bias to either kernel; the slow one (ADR 0005) takes 120 sweeps for one of them, 36 for the others.
      const problem = makeProblem(75, 33, { prior, reg: path === 'subgroups' && prior.kind !== 'product' ? 0.2 : 0.05 });
      const outcome = await large(problem, 'parity', path);
      const truth = solve(problem, { mode: 'parity' });
      expect(Math.abs(outcome.iterations - truth.iterations)).toBeLessThanOrEqual(1);
      expect(relativeDistance(evaluateOutcome(problem, { ...outcome, stalled: false, handover: null }, { mode: 'parity' }).plan, truth.plan)).toBeLessThanOrEqual(2e-5);
    });
  });

  test('a warm start saves sweeps, and its plan is as good', async () => {
    const problem = makeProblem(90, 70, { reg: 0.02, tau1: 2, tau2: 2 });
    const neighbour = { ...problem, reg: 0.021, tau1: 2.1 };
    const cold = await large(neighbour, 'fast');
    const warm = await large(neighbour, 'fast', 'pieces', await large(problem, 'fast'));
    expect(warm.iterations).toBeLessThan(cold.iterations);
    expectOptimum(neighbour, warm);
  });

  test('sweeps submitted beyond the end change nothing: the count is exact, not that of the chunk', async () => {
    const problem = makeProblem(70, 70);
    for (const mode of ['parity', 'fast'] as const) {
      const whole = await large(problem, mode);
      // The cap falls into the middle of a chunk as well.
      const capped = await large(problem, mode, 'pieces', null, { maxIterations: whole.iterations });
      expect(capped).toEqual(whole);
      const { iterations, converged } = await large(problem, mode, 'pieces', null, { maxIterations: 3 });
      expect(converged).toBe(false);
      // Fast mode tries three times.
      expect(iterations).toBe(mode === 'parity' ? 3 : 9);
    }
  });

  test('what stalls at first is tried carefully, then around what was reached', async () => {
    const problem = makeProblem(80, 80, { reg: 0.0015, tau1: 20, tau2: 20 });
    const { iterations } = await large(problem, 'fast');
    expect(iterations).toBeGreaterThan(100);
    const settled = await solveWithHandover(solver, problem, { mode: 'fast' });
    expect(relativeDistance(settled.plan, solve(problem, { mode: 'fast' }).plan)).toBeLessThanOrEqual(1e-3);
  });

  test('a device that goes in the middle of a large solve', async () => {
    const other = await openDevice(await nodeGpu());
    const running = new GpuSolver(other.device).solve(makeProblem(300, 300, { reg: 0.002 }), { mode: 'parity' }).then(
      () => 'no error',
      (thrown: unknown) => (thrown instanceof UserError ? thrown.code : String(thrown)),
    );
    setTimeout(() => other.device.destroy(), 400);
    expect(await running).toBe('gpu-lost');
  });
});
