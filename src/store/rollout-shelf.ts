import { reportError } from '../base/errors.ts';
import type { EngineClient } from '../engine/client.ts';
import type { ArmState, DriveRegion, DriveReport, DriveStates } from '../engine/protocol.ts';
import { useRun, type DriveResult, type RolloutState } from './run.ts';
import { useSession } from './session.ts';
import { useView } from './view.ts';

/** Attempts in each region. */
export const DRIVE_ATTEMPTS = 30;

/** Where the arms of the present or the last drive have been, by region, control step and attempt. Not state: React must never copy it; `useRun` has its version. */
export const drive: { groups: readonly DriveGroup[] } = { groups: [] };

export interface DriveGroup {
  readonly region: DriveRegion;
  readonly steps: (readonly ArmState[])[];
}

type Client = Pick<EngineClient, 'rollOut' | 'cancelRollout' | 'look'>;

/** Lets policies of the run drive the demo's arm, and keeps where the arms were and how each step of the run fared. */
export class RolloutShelf {
  readonly #client: Client;
  #drives = 0;

  constructor(client: Client) {
    this.#client = client;
    useRun.subscribe(({ training }, previous) => {
      if (training.step < previous.training.step) keepUpTo(training.step);
    });
  }

  /** Drive with the policy that is chosen, in these regions. */
  async drive(regions: readonly DriveRegion[]): Promise<void> {
    const turn = ++this.#drives;
    const { arm } = useView.getState();
    const { kept } = useRun.getState().training;
    const step = arm.step !== null && kept.includes(arm.step) ? arm.step : null;
    drive.groups = regions.map((region) => ({ region, steps: [] }));
    useView.setState({ arm: { ...arm, time: null, region: regions.includes(arm.region) ? arm.region : regions[0]! } });
    this.#put({ driving: true, error: null });
    try {
      const report = await this.#client.rollOut(useSession.getState().session, { step, regions, count: DRIVE_ATTEMPTS, seed: arm.seed }, (states) => {
        if (turn === this.#drives) this.#take(states);
      });
      if (turn !== this.#drives) return;
      this.#put({ driving: false, ...(report ? { results: withReport(report) } : {}) });
    } catch (thrown) {
      if (turn === this.#drives) this.#put({ driving: false, error: reportError(thrown) });
    }
  }

  async stop(): Promise<void> {
    await this.#client.cancelRollout().catch(() => undefined);
  }

  /** What a camera shows of the arm in a state; null where the engine is gone. */
  async look(...of: Parameters<EngineClient['look']>): Promise<Uint8ClampedArray<ArrayBuffer> | null> {
    return this.#client.look(...of).catch(() => null);
  }

  /** Other data, another encoder or another engine. */
  forget(): void {
    this.#drives++;
    drive.groups = [];
    this.#put({ driving: false, error: null, results: null });
  }

  #take(states: readonly DriveStates[]): void {
    for (const { region, from, steps } of states) {
      const group = drive.groups.find((one) => one.region === region);
      group?.steps.splice(from, Infinity, ...steps);
    }
    this.#put({});
  }

  #put(change: Partial<RolloutState>): void {
    useRun.setState(({ rollouts }) => ({ rollouts: { ...rollouts, ...change, version: rollouts.version + 1 } }));
  }
}

/** The results with those of a report; only those of one run and of the same attempts stand side by side. */
function withReport({ run, seed, step, regions, probe }: DriveReport): RolloutState['results'] {
  const { results } = useRun.getState().rollouts;
  const held = results?.run === run && results.seed === seed ? results.steps : [];
  const before = held.find((other) => other.step === step);
  const of = (region: DriveRegion): DriveResult['lower'] => regions.find((outcome) => outcome.region === region) ?? before?.[region] ?? null;
  return { run, seed, latest: step, steps: [...held.filter((other) => other.step !== step), { step, lower: of('lower'), upper: of('upper'), probe }].toSorted((p, q) => p.step - q.step) };
}

/** A run that went back takes its later steps anew. */
function keepUpTo(step: number): void {
  useRun.setState(({ rollouts }) => (rollouts.results ? { rollouts: { ...rollouts, results: { ...rollouts.results, steps: rollouts.results.steps.filter((other) => other.step <= step) } } } : {}));
}
