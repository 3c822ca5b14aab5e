import { afterAll, expect, test } from 'vitest';
import { join } from 'node:path';
import type { UotProblem } from '../../src/core/ot/problem.ts';
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
import { solverSuite } from '../suite/all.ts';
import { makeProblem, PRIORS, relativeDistance } from '../support/ot.ts';
import { handoverBackend, residentBackend } from './backends.ts';
import { BEYOND_FLOAT32, LACKED_BY_RESIDENT } from './cases.ts';
import { describeOnGpu } from './device.ts';

/* The cases of test/unit/ot/solver.test.ts on a GPU, by each way to an answer, and what only the GPU's solver has. */

/** Random problems are fewer here: a software adapter is slow. */
const EFFORT = 0.12;
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

  solverSuite(handoverBackend(solver, { effort: EFFORT, handsOver: BEYOND_FLOAT32, lacks: {} }));
  solverSuite(residentBackend(solver, { effort: EFFORT, handsOver: null, lacks: LACKED_BY_RESIDENT }));

  test.each(MODES)('a batch of unlike problems is a loop of single ones, to the last bit: %s', async (mode) => {
    const shared = makeProblem(16, 16);
    const problems = [shared, { ...shared, reg: 0.02 }, { ...shared, tau1: Infinity }, makeProblem(5, 64, { prior: { kind: 'band', width: 0.1 } }), makeProblem(70, 3), shared];
    const together = await solver.solveBatch(problems, { mode });
    for (const [k, problem] of problems.entries()) expect(together[k]).toEqual(await solver.solve(problem, { mode }));
  });

  test('the plan kernel repeats the float64 evaluation', async () => {
    for (const prior of PRIORS)
      for (const [n, m] of [[12, 9], [64, 64], [70, 20]] as const) {
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

  test('what costs nothing has no certificate in float32, and its plan is right', async () => {
    const cheap = makeProblem(6, 8, { tau1: 1e-12, tau2: 1e-12 });
    for (const [problem, plan] of [
      [makeProblem(5, 3, { cost: new Float64Array(15) }), new Float64Array(15).fill(1 / 15)],
      [cheap, cheap.cost.map((value) => Math.exp(-value / cheap.reg) / 48)],
    ] as const) {
      const outcome = await solver.solve(problem, { mode: 'fast' });
      expect(outcome.handover).toBeNull();
      expect(relativeDistance(evaluateOutcome(problem, outcome, { mode: 'fast' }).plan, plan)).toBeLessThanOrEqual(2e-5);
      expect((await solveWithHandover(solver, problem, { mode: 'fast' })).handedOver).toBe('uncertified');
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
