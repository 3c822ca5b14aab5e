import { expect, test } from 'vitest';
import { planOf, waysToIterate } from '../../bench/gpu/iterate.ts';
import { isInstalled, PEER_PACKAGES } from '../../bench/gpu/install.ts';
import { Kernels, type Task } from '../../bench/gpu/kernels.ts';
import { offerGpu } from '../../bench/gpu/node.ts';
import { openPeer, PEERS } from '../../bench/gpu/peers/peer.ts';
import { distance } from '../../bench/optimum.ts';
import { single } from '../../bench/problems.ts';
import { sweepCost } from '../../bench/sweep-cost.ts';
import { nodeGpu } from '../../scripts/node/gpu.ts';
import { GpuSolver } from '../../src/gpu/solver.ts';
import { describeOnGpu } from './device.ts';

/* What the bench times are the same computations: every contender's answer against float64, at sizes that take no time. */

const peersInstalled = PEER_PACKAGES.every(isInstalled);
const both = ['parity', 'fast'] as const;
const TASKS: readonly Task[] = [
  { kind: 'single', size: 8, modes: both },
  { kind: 'batch', count: 3, size: 8, modes: both },
  { kind: 'iterate', size: 8, iterations: 20 },
  { kind: 'distances', size: 8, width: 4 },
  { kind: 'half-steps', size: 80 },
];

describeOnGpu('the bench', ({ device }) => {
  test.each(TASKS)('contenders agree with float64: %o', async (task) => {
    const kernels = await Kernels.open(await nodeGpu(), await sweepCost(), []);
    const { contenders, failed } = await kernels.prepare(task);
    kernels.close();
    expect(failed).toEqual({});
    expect(contenders.length).toBeGreaterThan(0);
    for (const { name, facts } of contenders) if (facts.difference !== null) expect(facts.difference, name).toBeLessThan(1e-4);
  });

  for (const name of PEERS)
    test.skipIf(!peersInstalled)(`${name} iterates to the same plan (needs bench/node_modules: npm ci --prefix bench)`, async () => {
      await offerGpu(await nodeGpu());
      const peer = await openPeer(name);
      const [problem] = single(8).problems;
      const ways = waysToIterate(new GpuSolver(device), new Map([[name, peer]]), problem!, 20);
      const plans = new Map<string, Float64Array>();
      for (const [who, work] of ways) plans.set(who, planOf(problem!, await work()));
      expect([...plans.keys()]).toEqual(['wgsl', name, 'float64']);
      expect(distance(plans.get(name)!, plans.get('wgsl')!)).toBeLessThan(1e-4);
      expect(distance(plans.get('wgsl')!, plans.get('float64')!)).toBeLessThan(1e-4);
    });
});
