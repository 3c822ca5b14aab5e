import { afterAll, describe, expect, test } from 'vitest';
import { join } from 'node:path';
import { Random } from '../../src/base/random.ts';
import { uniformWeights, type Prior, type UotProblem } from '../../src/core/ot/problem.ts';
import type { Potentials } from '../../src/core/ot/fast.ts';
import { solve, type Mode } from '../../src/core/ot/solve.ts';
import { evaluateOutcome, solveBatchWithHandover, solveWithHandover } from '../../src/gpu/handover.ts';
import { GpuSolver } from '../../src/gpu/solver.ts';
import type { PlanRequest } from '../../src/gpu/plan.ts';
import { centre } from '../../src/gpu/prepare.ts';
import { hostPrior } from '../../src/gpu/task.ts';
import { runGolden } from '../../scripts/inspect/golden.ts';
import { gpuAnswer } from '../../scripts/inspect/gpu-answer.ts';
import { readGolden } from '../../scripts/inspect/golden-files.ts';
import { makeProblem, PRIORS, randomWeights, relativeDistance, transposed } from '../support/ot.ts';
import { describeOnGpu } from './device.ts';

/* Float32 on the GPU against the float64 solver, on problems that float32 holds. */
const MODES: readonly Mode[] = ['parity', 'fast'];

/** The plan of potentials, with costs centred at them. */
const around = (problem: UotProblem, potentials: Potentials): PlanRequest => ({ problem, prior: hostPrior(problem), centred: centre(problem, potentials), potentials });

describeOnGpu('the solver on the GPU', ({ device }) => {
  const solver = new GpuSolver(device);
  const silences: string[] = [];
  device.addEventListener('uncapturederror', ({ error }) => silences.push(error.message));
  afterAll(() => {
    device.destroy();
    expect(silences).toEqual([]);
  });

  async function expectAgreement(problem: UotProblem, mode: Mode, tolerance = 2e-5): Promise<void> {
    const outcome = await solver.solve(problem, { mode });
    expect(outcome.handover).toBeNull();
    const truth = solve(problem, { mode });
    const { plan } = evaluateOutcome(problem, outcome, { mode });
    expect(relativeDistance(plan, truth.plan)).toBeLessThanOrEqual(tolerance);
    if (mode === 'parity') expect(Math.abs(outcome.iterations - truth.iterations)).toBeLessThanOrEqual(1);
  }

  const dense: Prior = { kind: 'dense', values: Float64Array.from({ length: 12 * 9 }, (_, k) => (k % 9 === 4 || k < 9 ? 0 : 0.01 + (k % 7))) };
  const shapes = [
    [12, 9],
    [64, 64],
    [70, 20],
  ] as const;
  const taus = [
    [1, 0.5],
    [Infinity, 1],
    [1, Infinity],
  ] as const;
  const sizes = shapes.flatMap(([n, m]) => taus.map(([tau1, tau2]) => ({ n, m, tau1, tau2 })));

  describe.each(MODES)('%s', (mode) => {
    for (const prior of PRIORS)
      test.each(prior.kind === 'diagonal' ? sizes.filter(({ tau1, tau2 }) => tau1 + tau2 < Infinity) : sizes)(`${prior.kind} prior, $n × $m, τ = $tau1, $tau2`, async ({ n, m, tau1, tau2 }) => {
        await expectAgreement(makeProblem(n, m, { prior, tau1, tau2 }), mode);
      });
    test('a dense prior with an empty row and an empty column', () => expectAgreement(makeProblem(12, 9, { prior: dense }), mode));
    test('two hard marginals', () => expectAgreement(makeProblem(20, 30, { tau1: Infinity, tau2: Infinity }), mode));
    test.each([
      [1, 1],
      [1, 64],
      [64, 1],
    ])('a single line: %d × %d', (n, m) => expectAgreement(makeProblem(n, m), mode));

    test.each(PRIORS)('weights of 0, and sides that swap: $kind', async (prior) => {
      const random = new Random(2);
      const a = randomWeights(random, 10);
      const b = randomWeights(random, 8, 1.5);
      a[3] = 0;
      b[0] = 0;
      const problem = makeProblem(10, 8, { a, b, prior, tau2: 3 });
      await expectAgreement(problem, mode);
      if (mode === 'fast') await expectAgreement(transposed(problem), mode);
    });

    test('weights of 0 where lines go through the large kernels', async () => {
      const a = uniformWeights(80).fill(0, 10, 20);
      for (const prior of [{ kind: 'product' }, { kind: 'ones' }] as const) await expectAgreement(makeProblem(80, 70, { a, prior }), mode);
    });

    test('a batch of unlike problems is a loop of single ones', async () => {
      const shared = makeProblem(16, 16);
      const problems = [shared, { ...shared, reg: 0.02 }, { ...shared, tau1: Infinity }, makeProblem(5, 64, { prior: { kind: 'band', width: 0.1 } }), makeProblem(70, 3), shared];
      const together = await solver.solveBatch(problems, { mode });
      for (const [k, problem] of problems.entries()) expect(together[k]).toEqual(await solver.solve(problem, { mode }));
    });
  });

  test('costs far from 0 cost no digits: the line minima are taken out in float64', async () => {
    const problem = makeProblem(20, 20, { tau1: 100, tau2: 100 });
    await expectAgreement({ ...problem, cost: problem.cost.map((value) => value + 50) }, 'fast', 1e-4);
  });

  test.each([20, 100])('a warm start needs fewer sweeps and finds the same plan (n = %d)', async (n) => {
    const problem = makeProblem(n, n, { reg: 0.02, tau1: 2, tau2: 2 });
    const neighbour = { ...problem, reg: 0.021, tau1: 2.1 };
    const cold = await solver.solve(neighbour, { mode: 'fast' });
    const warm = await solver.solve(neighbour, { mode: 'fast', warm: await solver.solve(problem, { mode: 'fast' }) });
    expect(warm.iterations).toBeLessThan(cold.iterations);
    expect(relativeDistance(evaluateOutcome(neighbour, warm, { mode: 'fast' }).plan, solve(neighbour, { mode: 'fast' }).plan)).toBeLessThanOrEqual(2e-5);
  });

  test('more sweeps than fit one dispatch go on in the next', async () => {
    const problem = makeProblem(16, 16, { reg: 0.01, tau1: 1, tau2: 1 });
    const { iterations } = solve(problem, { mode: 'parity' });
    expect(iterations).toBeGreaterThan(400);
    await expectAgreement(problem, 'parity');
  });

  test('the plan kernel repeats the float64 evaluation', async () => {
    for (const prior of PRIORS)
      for (const [n, m] of shapes) {
        const problem = makeProblem(n, m, { prior });
        const truth = solve(problem, { mode: 'fast' });
        const { plan, rowMass, columnMass, mass, logMass, transportCost, entropy } = await solver.plan(around(problem, truth));
        expect(relativeDistance(Float64Array.from(plan), truth.plan)).toBeLessThanOrEqual(1e-5);
        expect(relativeDistance(rowMass, truth.rowMass)).toBeLessThanOrEqual(1e-5);
        expect(relativeDistance(columnMass, truth.columnMass)).toBeLessThanOrEqual(1e-5);
        for (const [value, expected] of [[mass, truth.mass], [logMass, truth.logMass], [transportCost, truth.transportCost], [entropy, truth.entropy]] as const)
          expect(Math.abs(value - expected)).toBeLessThanOrEqual(1e-5 * Math.abs(expected));
      }
  });

  test('the mass of a collapsed plan is known from its logarithm', async () => {
    const problem = makeProblem(8, 8, { reg: 0.1, tau1: 0.1, tau2: 0.1 });
    const far = { ...problem, cost: problem.cost.map((value) => value + 90) };
    const truth = solve(far, { mode: 'fast' });
    const { plan, mass, logMass } = await solver.plan(around(far, truth));
    expect(plan.every((value) => value === 0)).toBe(true);
    expect(Math.abs(logMass - truth.logMass)).toBeLessThan(1e-3);
    expect(mass).toBeLessThan(1e-100);
  });

  test('what float32 cannot hold goes to float64, and says why', async () => {
    const steep = makeProblem(16, 16, { reg: 5e-5 });
    const options = { mode: 'fast' } as const;
    const handed = await solveWithHandover(solver, steep, options);
    expect(handed.handedOver).toBe('cost-range');
    expect(handed.plan).toEqual(solve(steep, options).plan);
    const kept = await solveBatchWithHandover(solver, [makeProblem(16, 16), steep], options);
    expect(kept.map(({ handedOver }) => handedOver)).toEqual([null, 'cost-range']);
    expect(kept[0]!.gap).toBeLessThanOrEqual(1e-5);
  });

  test('the golden cases kept in the repository', async () => {
    const table = await readGolden(join(import.meta.dirname, '../golden'));
    const { parity, fast } = await runGolden(table, { name: 'webgpu', solve: (problem, mode) => gpuAnswer(solver, problem, mode), close: () => Promise.resolve() });
    expect(parity.nonFinite).toBe(0);
    expect(parity.itersWithin1).toBeGreaterThanOrEqual(0.95 * parity.compared);
    expect(parity.maxPlanErr).toBeLessThanOrEqual(1e-4);
    expect(fast.geomeanIters).toBeLessThanOrEqual(20);
    expect(fast.within1e3).toBeGreaterThanOrEqual(0.95 * fast.compared);
    expect(fast.within1e3AfterHandover).toBe(fast.compared);
  });
});
