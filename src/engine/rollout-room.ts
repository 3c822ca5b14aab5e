import { UserError } from '../base/errors.ts';
import { wilson } from '../core/training/interval.ts';
import type { Attempt } from '../world/rollout.ts';
import type { WorldState } from '../world/task.ts';
import { breathe } from './breathe.ts';
import type { ArmState, DriveReport, DriveRequest, DriveStates, TrainingSession } from './protocol.ts';
import { goalProbe, rollOuts } from './rollouts.ts';
import { Trainer, type TrainerPlace } from './trainer.ts';
import type { TrainerState } from './trainer-state.ts';

/** New positions are told this often. */
const TELL_MS = 40;
/** Rows of the graphs that drive: nothing is computed for rows that nobody asks for, as a training batch's would be. */
const DRIVEN_ROWS = 32;
/** Of the demonstrations that goals are probed on: the same for all policies. */
const PROBE_SEED = 1;

/** A policy that is to drive: what made it, under which name, and its weights (null: untrained). */
export interface DrivenPolicy {
  readonly settings: TrainingSession;
  readonly run: string;
  readonly state: TrainerState | null;
}

/**
 * Lets policies of the run drive the demo's arm. They drive in a trainer of their own, which takes over the weights of a
 * step: the run goes on learning between control steps, its plan stays that of its own weights, and what drives is one
 * policy from the start to the end. That trainer is kept for the next step of the same run.
 */
export class RolloutRoom {
  #drive = 0;
  #driver: { readonly run: string; readonly made: Promise<{ readonly trainer: Trainer; readonly untrained: TrainerState }> } | null = null;

  /**
   * Drive to the end in all regions side by side, then probe for goals; other messages are let in between control steps.
   * @param policyOf asked when the drive before has been ended
   * @param tell where the arms have come to
   * @returns null where it was cancelled, or where another drive took its place
   * @throws UserError as `Trainer.create`, `rollOuts` and `goalProbe`
   */
  async drive(place: TrainerPlace, policyOf: () => Promise<DrivenPolicy>, request: DriveRequest, tell: (states: DriveStates[]) => void): Promise<DriveReport | null> {
    const drive = ++this.#drive;
    const over = (): boolean => drive !== this.#drive;
    const policy = await policyOf();
    if (over()) return null;
    const { trainer, untrained } = await this.#trainerOf(place, policy);
    if (over()) return null;
    // It draws nothing, so how far the run's draws are is nothing to it.
    await trainer.restore({ ...(policy.state ?? untrained), draws: untrained.draws });
    if (over()) return null;
    const { regions, count, seed } = request;
    const runs = regions.map((region) => ({ region, run: rollOuts(trainer, { domain: 'real', region, count, seed }), attempts: [] as readonly Attempt[], told: 0, ended: false }));
    let toldAt = -Infinity;
    while (runs.some(({ ended }) => !ended)) {
      for (const one of runs) {
        if (one.ended) continue;
        const { done, value } = await one.run.next();
        if (over()) return null;
        one.ended = done === true;
        one.attempts = value;
        await breathe();
        if (over()) return null;
      }
      if (performance.now() < toldAt + TELL_MS && runs.some(({ ended }) => !ended)) continue;
      toldAt = performance.now();
      const states = runs.flatMap((one): DriveStates[] => {
        const from = one.told;
        one.told = Math.max(...one.attempts.map((attempt) => attempt.states.length));
        return one.told > from ? [{ region: one.region, from, steps: stepsOf(one.attempts, from, one.told) }] : [];
      });
      if (states.length > 0) tell(states);
    }
    const probe = await goalProbe(trainer, PROBE_SEED);
    if (over()) return null;
    const outcomes = runs.map(({ region, attempts }) => {
      const successes = attempts.filter(({ success }) => success).length;
      return { region, successes, count, ...wilson(successes, count) };
    });
    return { step: policy.state?.step ?? 0, run: policy.run, seed, regions: outcomes, probe };
  }

  /** End the drive that is under way, after its control step. */
  cancel(): void {
    this.#drive++;
  }

  /** Other data or encoders: what drove them is gone. */
  reset(): void {
    this.cancel();
    const driver = this.#driver;
    this.#driver = null;
    void driver?.made.then(({ trainer }) => trainer.dispose()).catch(() => undefined);
  }

  async #trainerOf(place: TrainerPlace, { run, settings }: DrivenPolicy): Promise<{ readonly trainer: Trainer; readonly untrained: TrainerState }> {
    if (this.#driver?.run !== run) {
      const drive = this.#drive;
      this.reset();
      this.#drive = drive;
      this.#driver = { run, made: onHost(place, drivenSettings(settings)) };
    }
    const driver = this.#driver;
    try {
      return await driver.made;
    } catch (error) {
      // What failed for want of an encoder may work the next time.
      if (this.#driver === driver) this.#driver = null;
      throw error;
    }
  }
}

/** The same network in graphs of few rows, and without pairs, which nothing is drawn from. */
function drivenSettings(settings: TrainingSession): TrainingSession {
  return { ...settings, pairing: { kind: 'none' }, batch: { ...settings.batch, size: 1 }, training: { ...settings.training, batchSize: DRIVEN_ROWS - 2 } };
}

/** @throws UserError `rollout-world` where the sides are not the demo's: of other data nobody has the arm */
export function needsDemo(source: 'sim' | 'real' | null, target: 'sim' | 'real' | null): void {
  if (source !== 'sim' || target !== 'real') throw new UserError('rollout-world', 'Only the demo’s arm can be driven here, and these data are not the demo’s; load the demo on both sides, or export the encoder and drive your own robot with it.');
}

function stepsOf(attempts: readonly Attempt[], from: number, to: number): ArmState[][] {
  return Array.from({ length: to - from }, (_, k) => attempts.map(({ states }) => armState(states[Math.min(from + k, states.length - 1)]!)));
}

const armState = ({ ee, obj, grip, held, done }: WorldState): ArmState => ({ x: ee.x, y: ee.y, discX: obj.x, discY: obj.y, grip, held, done });

/** A few rows are soon computed on the host, and a device would make graphs for them that are used once. */
async function onHost(given: TrainerPlace, settings: TrainingSession): Promise<{ trainer: Trainer; untrained: TrainerState }> {
  const { backend: _, ...place } = given;
  const trainer = await Trainer.create(place, settings);
  return { trainer, untrained: await trainer.settled() };
}
