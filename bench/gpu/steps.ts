import type { GpuSolver } from '../../src/gpu/solver.ts';
import type { StepPart } from '../../src/training/step.ts';
import { DEMO_STEP, STEP_LEARNING_RATE, STEP_WEIGHT, deviceStepper, hostStepper, stepInput, stepWeights, type CaseStepper, type StepCase } from '../../test/support/step.ts';
import { median } from '../table.ts';
import { timed, type Contender, type Facts } from './kernels.ts';
import type { Peer } from './peers/peer.ts';

/** Steps before any is timed, in which engines compile what they run often, and those that are timed part by part. On a software adapter one of the CNN takes many seconds. */
const WARM_UP: Readonly<Record<StepCase['name'], number>> = { mlp: 20, cnn: 1, diffusion: 20, own: 20 };
const SPLIT: Readonly<Record<StepCase['name'], number>> = { mlp: 9, cnn: 1, diffusion: 9, own: 9 };

/**
 * Training steps: ours on the device, ours on the CPU (wasm provider, float64 solver), and jax-js's of the MLP. A run is a
 * step from arrays on the CPU to its losses there. What the parts take is measured in steps of their own, which wait for
 * the device after each part.
 */
export function stepContenders(solver: GpuSolver, peers: ReadonlyMap<string, Peer>, network: 'mlp' | 'cnn'): { name: string; contenders: Contender[] } {
  const given = { ...DEMO_STEP, name: network };
  const settled = async (): Promise<void> => {
    await solver.device.queue.onSubmittedWorkDone();
  };
  // Opened when first run; whoever is compared with the float64 path's first loss waits for it.
  const losses = once(async () => {
    const stepper = await hostStepper(given);
    const { bc } = await stepper.step(1, stepInput(given, 1), { look: false });
    await stepper.dispose();
    return bc;
  });
  const jax = network === 'mlp' ? peers.get('jax-js')?.step : undefined;
  return {
    name: `training step, ${network === 'mlp' ? 'the demo’s MLP' : 'CNN 3→16→32→64'}, 64 + 64 + 64`,
    contenders: [
      ours('wgsl', given, once(async () => deviceStepper(given, solver)), losses, settled),
      ours('float64', given, once(async () => hostStepper(given)), null, () => Promise.resolve()),
      ...(jax ? [peerStep(given, once(async () => jax(await stepWeights(given), given, stepInput(given, 1), STEP_WEIGHT, STEP_LEARNING_RATE)), losses)] : []),
    ],
  };
}

function ours(name: string, given: StepCase, open: () => Promise<CaseStepper>, expected: (() => Promise<number>) | null, settled: () => Promise<void>): Contender {
  let t = 0;
  let difference: number | null = null;
  let parts: Facts['parts'];
  return {
    name,
    run: async () => {
      const stepper = await open();
      if (t === 0) {
        const { bc } = await stepper.step(++t, stepInput(given, t), { look: false });
        if (expected) difference = Math.abs(bc / (await expected()) - 1);
        while (t < WARM_UP[given.name]) await stepper.step(++t, stepInput(given, t), { look: false });
        parts = await split(stepper, given, () => ++t, settled);
      }
      const input = stepInput(given, ++t);
      return (await timed(async () => stepper.step(t, input, { look: false }))).milliseconds;
    },
    facts: () => ({ difference, ...(parts ? { parts } : {}) }),
  };
}

/** Medians of what each part takes where the device is waited for after it. */
async function split(stepper: CaseStepper, given: StepCase, next: () => number, settled: () => Promise<void>): Promise<Readonly<Record<string, number>>> {
  const taken = new Map<StepPart, number[]>();
  for (let k = 0; k < SPLIT[given.name]; k++) {
    const t = next();
    const input = stepInput(given, t);
    await settled();
    let before = performance.now();
    await stepper.step(t, input, {
      look: false,
      mark: async (part) => {
        await settled();
        taken.set(part, [...(taken.get(part) ?? []), performance.now() - before]);
        before = performance.now();
      },
    });
  }
  return Object.fromEntries([...taken].map(([part, values]) => [part, median(values)]));
}

function peerStep(given: StepCase, open: () => Promise<(input: ReturnType<typeof stepInput>, t: number) => Promise<ArrayLike<number>>>, expected: () => Promise<number>): Contender {
  let t = 0;
  let difference: number | null = null;
  return {
    name: 'jax-js',
    run: async () => {
      const step = await open();
      if (t === 0) {
        const [bc] = Array.from(await step(stepInput(given, ++t), t));
        difference = Math.abs(bc! / (await expected()) - 1);
        while (t < WARM_UP[given.name]) await step(stepInput(given, ++t), t);
      }
      const input = stepInput(given, ++t);
      return (await timed(async () => step(input, t))).milliseconds;
    },
    facts: () => ({ difference }),
  };
}

/** Made when first asked for, and kept. */
function once<T>(make: () => Promise<T>): () => Promise<T> {
  let made: Promise<T> | null = null;
  return () => (made ??= make());
}
