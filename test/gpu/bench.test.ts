import { afterAll, beforeAll, expect, test } from 'vitest';
import { planOf } from '../../bench/gpu/iterate.ts';
import { isInstalled, PEER_PACKAGES } from '../../bench/gpu/install.ts';
import { Kernels, type Task } from '../../bench/gpu/kernels.ts';
import { offerGpu } from '../../bench/gpu/node.ts';
import { openPeer, PEERS } from '../../bench/gpu/peers/peer.ts';
import { distance } from '../../bench/optimum.ts';
import { cloud, single } from '../../bench/problems.ts';
import { sweepCost } from '../../bench/sweep-cost.ts';
import { nodeGpu } from '../../scripts/node/gpu.ts';
import { Random } from '../../src/base/random.ts';
import { squaredDistances } from '../../src/core/cost/terms.ts';
import { solveParity } from '../../src/core/ot/parity.ts';
import { referenceMeasure } from '../../src/core/ot/priors.ts';
import { hostStepper, stepInput, stepWeights, STEP_LEARNING_RATE, STEP_WEIGHT } from '../support/step.ts';
import { error } from '../support/training.ts';
import { describeOnGpu } from './device.ts';

/* What the bench times are the same computations: every contender's answer against float64, at sizes that take no time. */

const peersInstalled = PEER_PACKAGES.every(isInstalled);
const both = ['parity', 'fast'] as const;
/** At reg 1 the peer's plain sweeps come to their end. */
const SMALL_STEP = { name: 'mlp', n: 8, m: 6, bc: 5 } as const;
const TASKS: readonly Task[] = [
  { kind: 'iterate', size: 8, iterations: 20 },
  { kind: 'single', size: 8, modes: both },
  { kind: 'batch', count: 3, size: 8, modes: both },
  { kind: 'distances', size: 8, width: 4 },
  { kind: 'half-steps', size: 80 },
];

describeOnGpu('the bench', () => {
  let kernels: Kernels;
  beforeAll(async () => {
    kernels = await Kernels.open(await nodeGpu(), await sweepCost(), []);
  });
  afterAll(() => kernels.close());

  // A software adapter that shares its cores takes a minute to compile the first kernels.
  test.each(TASKS)('contenders agree with float64: %o', { timeout: 180_000 }, async (task) => {
    const { contenders, failed } = await kernels.prepare(task);
    expect(failed).toEqual({});
    expect(contenders.length).toBeGreaterThan(0);
    for (const { name, facts } of contenders) if (facts.difference !== null) expect(facts.difference, name).toBeLessThan(1e-4);
  });

  for (const name of PEERS)
    test.skipIf(!peersInstalled)(`${name} computes the same (needs bench/node_modules: npm ci --prefix bench)`, async () => {
      await offerGpu(await nodeGpu());
      const peer = await openPeer(name);
      const [problem] = single(8).problems;
      const { logU, logV } = solveParity(problem!, referenceMeasure(problem!), { maxIterations: 20, threshold: 0 });
      expect(distance(planOf(problem!, await peer.iterate(problem!, 20)()), planOf(problem!, [...logU, ...logV]))).toBeLessThan(1e-4);
      if (peer.step) {
        const host = await hostStepper(SMALL_STEP);
        const step = peer.step(await stepWeights(SMALL_STEP), SMALL_STEP, stepInput(SMALL_STEP, 1, { reg: 1 }), STEP_WEIGHT, STEP_LEARNING_RATE);
        for (const t of [1, 2, 3]) {
          const input = stepInput(SMALL_STEP, t, { reg: 1 });
          const { bc, weighted } = await host.step(t, input);
          expect(error(await step(input, t), [bc, weighted / input.transport.lambda])).toBeLessThan(1e-4);
        }
        await host.dispose();
      }
      const random = new Random(2);
      const [x, y] = [cloud(8, 4, random), cloud(5, 4, random)];
      expect(distance(Float64Array.from(await peer.distances(x, y)()), squaredDistances(x, y))).toBeLessThan(1e-4);
    });
});
