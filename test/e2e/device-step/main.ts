import type { ErrorReport } from '../../../src/base/errors.ts';
import { reportError } from '../../../src/base/errors.ts';
import { openDevice } from '../../../src/gpu/device.ts';
import { GpuSolver } from '../../../src/gpu/solver.ts';
import type { StepResult, TransportSettings } from '../../../src/training/step.ts';
import { deviceStepper, hostStepper, stepInput, type CaseStepper, type StepCase } from '../../support/step.ts';
import { demoRun, lostRun, type DemoRunAnswer } from './run.ts';

/** A page that takes the same training steps on the host and on the GPU: `device-step.spec.ts` drives it. */

export interface StepsOrder extends StepCase {
  /** What differs from `STEP_TRANSPORT`, a step each. */
  readonly steps: readonly Partial<TransportSettings>[];
  /** Whether embeddings are looked at. */
  readonly look: boolean;
  /** Whether embeddings and actions are compared after the steps. */
  readonly answers?: boolean;
  /** The step, from 1, which is first tried with an action to learn that is no number. */
  readonly broken?: number;
}

type Apart = readonly (readonly [name: string, value: number])[];

/** What both paths say. */
export interface StepsAnswer {
  readonly host: readonly StepResult[];
  readonly device: readonly StepResult[];
  /** Of each tensor after the last step, largest |device − host| over the largest |host|. */
  readonly apart: Apart;
  /** The same of embeddings and actions, after the device has taken over the host's state. */
  readonly answers: Apart;
  /** How a broken step ended on each path, and how far it moved any tensor there. */
  readonly refusals: readonly (readonly [host: { readonly message: string; readonly moved: number }, device: { readonly message: string; readonly moved: number }])[];
}

let opened: Promise<GpuSolver> | null = null;

const page = {
  async steps(order: StepsOrder): Promise<StepsAnswer | { readonly error: ErrorReport }> {
    const { steps, look, answers: asked = false, broken, ...given } = order;
    try {
      opened ??= openDevice(navigator.gpu).then(({ device }) => new GpuSolver(device));
      const [host, device] = [await hostStepper(given), await deviceStepper(given, await opened)];
      const results = { host: [] as StepResult[], device: [] as StepResult[] };
      const refusals: StepsAnswer['refusals'][number][] = [];
      for (const [k, over] of steps.entries()) {
        const input = stepInput(given, k + 1, over);
        if (k + 1 === broken) {
          const bad = { ...input, bc: { ...input.bc, wanted: input.bc.wanted.map((value, at) => (at === 3 ? Number.NaN : value)) } };
          refusals.push([await refused(host, k + 1, bad), await refused(device, k + 1, bad)]);
        }
        results.host.push(await host.step(k + 1, input, { look }));
        results.device.push(await device.step(k + 1, input, { look }));
      }
      const apart = distances(await host.values(), await device.values());
      device.restore(await host.state());
      const answers = asked ? distances(await host.answers(), await device.answers()) : [];
      await Promise.all([host.dispose(), device.dispose()]);
      return { ...results, apart, answers, refusals };
    } catch (error) {
      return { error: reportError(error) };
    }
  },
  demoRun: (): Promise<DemoRunAnswer> => demoRun(distances),
  lostRun,
};

async function refused(stepper: CaseStepper, t: number, input: ReturnType<typeof stepInput>): Promise<{ message: string; moved: number }> {
  const before = await stepper.values();
  const message = await stepper.step(t, input).then(
    () => 'the step was taken',
    (error: unknown) => reportError(error).message,
  );
  return { message, moved: Math.max(...distances(before, await stepper.values()).map(([, value]) => value)) };
}

function distances(expected: ReadonlyMap<string, Float32Array>, actual: ReadonlyMap<string, Float32Array>): [string, number][] {
  return [...expected].map(([name, values]) => {
    const found = actual.get(name)!;
    const largest = values.reduce((top, value) => Math.max(top, Math.abs(value)), 1e-30);
    return [name, values.reduce((top, value, k) => Math.max(top, Math.abs(value - found[k]!)), 0) / largest];
  });
}

export type StepsPage = typeof page;
Object.assign(globalThis, { page });
