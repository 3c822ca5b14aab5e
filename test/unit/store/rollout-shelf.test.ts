import { beforeEach, describe, expect, it, vi } from 'vitest';
import { UserError } from '../../../src/base/errors.ts';
import type { ArmState, DriveReport, DriveRequest, DriveStates } from '../../../src/engine/protocol.ts';
import { drive, RolloutShelf } from '../../../src/store/rollout-shelf.ts';
import { useRun } from '../../../src/store/run.ts';
import { useView } from '../../../src/store/view.ts';

// A view asks the browser for its language as it is made.
vi.hoisted(() => vi.stubGlobal('navigator', { language: 'en' }));

const at = (x: number): ArmState => ({ x, y: 0, discX: 0, discY: 0.5, grip: 0, held: false, done: false });
const outcome = (region: 'lower' | 'upper', successes: number): DriveReport['regions'][number] => ({ region, successes, count: 30, low: 0, high: 1 });

/** An engine whose drives end when the test says so. */
class Drives {
  readonly asked: { readonly request: DriveRequest; readonly tell: (states: readonly DriveStates[]) => void; readonly end: (report: DriveReport | null) => void; readonly fail: (error: UserError) => void }[] = [];
  readonly shelf = new RolloutShelf({
    rollOut: (_, request, tell) => new Promise((end, fail) => this.asked.push({ request, tell, end, fail })),
    cancelRollout: () => Promise.resolve(),
    look: () => Promise.resolve(null),
  });

  /** Drive to the end in some regions. */
  async through(regions: readonly ('lower' | 'upper')[], step: number, successes: number, run = 'a'): Promise<void> {
    const over = this.shelf.drive(regions);
    const { request, end } = this.asked.at(-1)!;
    end({ step, run, seed: request.seed, regions: regions.map((region) => outcome(region, successes)), probe: { inDistribution: 0.1, outOfDistribution: 0.2 } });
    await over;
  }
}

const rollouts = () => useRun.getState().rollouts;
const table = () => rollouts().results?.steps.map(({ step, lower, upper }) => [step, lower?.successes ?? null, upper?.successes ?? null]);
const train = (step: number, kept: readonly number[]): void => useRun.setState(({ training }) => ({ training: { ...training, step, kept } }));

let drives: Drives;
beforeEach(() => {
  useRun.setState(useRun.getInitialState(), true);
  useView.setState(useView.getInitialState(), true);
  drives = new Drives();
});

describe('the policies that drove', () => {
  it('stand side by side by step, each region by its last drive', async () => {
    train(60, [0, 30, 60]);
    await drives.through(['lower', 'upper'], 60, 20);
    await drives.through(['lower'], 30, 9);
    await drives.through(['lower'], 60, 21);
    expect(table()).toEqual([[30, 9, null], [60, 21, 20]]);
    expect(rollouts().results!.latest).toBe(60);
  });

  it('are those of one run and the same attempts: others begin a table of their own', async () => {
    await drives.through(['upper'], 0, 1);
    await drives.through(['upper'], 30, 2, 'b');
    expect(table()).toEqual([[30, null, 2]]);
    useView.setState(({ arm }) => ({ arm: { ...arm, seed: 5 } }));
    await drives.through(['upper'], 60, 3, 'b');
    expect(table()).toEqual([[60, null, 3]]);
  });

  it('go with the steps of a run that went back, and with data', async () => {
    train(60, [0, 30, 60]);
    await drives.through(['upper'], 30, 2);
    await drives.through(['upper'], 60, 3);
    train(30, [0, 30]);
    expect(table()).toEqual([[30, null, 2]]);
    drives.shelf.forget();
    expect(rollouts().results).toBeNull();
  });

  it('drive with a kept step that is chosen, and as the run stands where that is kept no more', async () => {
    train(60, [0, 30, 60]);
    useView.setState(({ arm }) => ({ arm: { ...arm, step: 30 } }));
    await drives.through(['upper'], 30, 2);
    train(20, [0]);
    await drives.through(['upper'], 20, 2);
    expect(drives.asked.map(({ request: { step } }) => step)).toEqual([30, null]);
  });
});

describe('the arms of a drive', () => {
  it('are kept step by step; the view turns to a region that is driven', () => {
    void drives.shelf.drive(['lower']);
    expect(useView.getState().arm.region).toBe('lower');
    const { tell } = drives.asked[0]!;
    tell([{ region: 'lower', from: 0, steps: [[at(0)], [at(1)]] }]);
    tell([{ region: 'lower', from: 2, steps: [[at(2)]] }]);
    expect(drive.groups.map(({ steps }) => steps.map(([state]) => state!.x))).toEqual([[0, 1, 2]]);
    expect(rollouts().driving).toBe(true);
  });

  it('are of no interest once other data are there, nor is what came of them; a drive that failed says why', async () => {
    const over = drives.shelf.drive(['lower']);
    drives.shelf.forget();
    const { tell, end } = drives.asked[0]!;
    tell([{ region: 'lower', from: 0, steps: [[at(0)]] }]);
    end({ step: 0, run: 'a', seed: 0, regions: [outcome('lower', 3)], probe: { inDistribution: 0, outOfDistribution: 0 } });
    await over;
    expect(drive.groups).toEqual([]);
    expect(rollouts()).toMatchObject({ driving: false, results: null });
    const refused = drives.shelf.drive(['lower']);
    drives.asked[1]!.fail(new UserError('rollout-world', 'No arm.'));
    await refused;
    expect(rollouts()).toMatchObject({ driving: false, error: { code: 'rollout-world' } });
  });
});
