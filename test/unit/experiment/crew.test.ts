import { afterEach, describe, expect, it, vi } from 'vitest';
import { DEMO_ENCODER } from '../../../src/config/presets.ts';
import { DEFAULT_SESSION, type Session } from '../../../src/config/session.ts';
import { ExperimentCrew, type ActiveRun, type CrewListener } from '../../../src/engine/experiment-crew.ts';
import { Experimenter, type ExperimentSettings, type Job, type RunResult } from '../../../src/engine/experiment.ts';
import type { ErrorReport } from '../../../src/base/errors.ts';
import { LocalWorker } from '../../support/crew.ts';
import { builtinEncoder } from '../../support/engine.ts';

/* Real runs, short ones: two steps and one attempt, pairs by ground truth. */

const SESSION: Session = { ...DEFAULT_SESSION, pairing: { kind: 'truth' }, policy: { ...DEFAULT_SESSION.policy, steps: 2 } };
const settings = async (session = SESSION): Promise<ExperimentSettings> => ({ session, encoders: [await builtinEncoder(DEMO_ENCODER)], attempts: 1 });
const JOBS: readonly Job[] = [3, 4].flatMap((seed) => ['target', 'cotrain'].map((method) => ({ method, seed })));
const named = ({ method, seed }: Job): string => `${method} ${seed}`;
const figures = (run: RunResult): RunResult => ({ ...run, seconds: 0 });

/** A crew, its workers, and what it has told. */
class Watched implements CrewListener {
  readonly workers: LocalWorker[] = [];
  readonly done: RunResult[] = [];
  readonly failed: { readonly job: Job; readonly error: ErrorReport }[] = [];
  readonly told: (readonly ActiveRun[])[] = [];
  replaced = 0;
  readonly crew = new ExperimentCrew(this, () => {
    const worker = new LocalWorker();
    this.onWorker(worker, this.workers.push(worker) - 1);
    return worker as unknown as Worker;
  });
  onWorker: (worker: LocalWorker, index: number) => void = () => undefined;
  onProgress = (active: readonly ActiveRun[]): void => void this.told.push(active);
  onDone = (result: RunResult): void => void this.done.push(result);
  onFailed = (job: Job, error: ErrorReport): void => void this.failed.push({ job, error });
  onReplaced = (): void => void this.replaced++;

  /** Runs that each worker was given. */
  given(): string[][] {
    return this.workers.map(({ orders }) => orders.flatMap((order) => (order.type === 'run' ? [named(order.job)] : [])));
  }
}

afterEach(() => vi.useRealTimers());

describe('a crew', () => {
  it('gives each worker a seed of its own, and its results are those of runs one by one', async () => {
    const watched = new Watched();
    await watched.crew.run(await settings(), JOBS, 2);
    expect(watched.given().map((runs) => runs[0])).toEqual(['target 3', 'target 4']);
    expect(watched.given()[0]![1]).toBe('cotrain 3');
    expect(watched.failed).toEqual([]);
    expect(watched.done.map(named).toSorted()).toEqual(JOBS.map(named).toSorted());
    expect(watched.workers.every(({ ended }) => ended)).toBe(true);
    expect(watched.told.at(-1)).toEqual([]);
    expect(Math.max(...watched.told.map(({ length }) => length))).toBe(2);
    const alone = await new Experimenter(await settings(), {}).run(JOBS[3]!, () => Promise.resolve());
    expect(figures(watched.done.find((run) => named(run) === named(JOBS[3]!))!)).toEqual(figures(alone));
  });

  it('helps with another’s seed where no seed is free', async () => {
    const watched = new Watched();
    await watched.crew.run(await settings(), JOBS.slice(0, 2), 8);
    expect(watched.given()).toEqual([['target 3'], ['cotrain 3']]);
    expect(watched.done).toHaveLength(2);
  });

  it('replaces a worker that is killed and does its run again, once', async () => {
    const watched = new Watched();
    let kills = 0;
    watched.onWorker = (worker) => {
      worker.onOrder = (order) => {
        // The first run dies twice, another once.
        if (order.type === 'run' && (named(order.job) === 'target 3' || (named(order.job) === 'target 4' && kills < 3))) worker.kill();
        if (worker.ended) kills++;
      };
    };
    await watched.crew.run(await settings(), JOBS, 1);
    expect(watched.failed.map(({ job }) => named(job))).toEqual(['target 3']);
    expect(watched.failed[0]!.error).toMatchObject({ code: 'experiment-worker', message: expect.stringMatching(/^The worker of target on seed 3 ended or fell silent twice/) });
    expect(watched.done.map(named)).toEqual(['cotrain 3', 'target 4', 'cotrain 4']);
    expect(watched.replaced).toBe(3);
  });

  it('ends a worker that falls silent, but not one of a page that slept', async () => {
    const given = await settings();
    vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] });
    const watched = new Watched();
    watched.onWorker = (worker, index) => {
      worker.onOrder = (order) => {
        if (order.type === 'run' && index === 0) worker.hung = true;
      };
    };
    const ended = watched.crew.run(given, JOBS.slice(0, 1), 1);
    await vi.waitFor(() => expect(watched.workers[0]?.hung).toBe(true), { timeout: 60_000 });
    vi.advanceTimersByTime(85_000);
    expect(watched.replaced).toBe(0);
    vi.advanceTimersByTime(5000);
    await ended;
    expect(watched.replaced).toBe(1);
    expect(watched.done.map(named)).toEqual(['target 3']);
  });

  it('is held between two steps, goes on, and stops', async () => {
    const watched = new Watched();
    watched.onWorker = (worker) => {
      worker.onOrder = (order) => {
        if (order.type === 'run') watched.crew.pause();
      };
    };
    const ended = watched.crew.run(await settings(), JOBS, 1);
    await vi.waitFor(() => expect(watched.given()).toEqual([['target 3']]), { timeout: 60_000 });
    await new Promise((resolve) => setTimeout(resolve, 500));
    expect(watched.done).toEqual([]);
    watched.crew.goOn();
    await vi.waitFor(() => expect(watched.done).toHaveLength(1), { timeout: 60_000 });
    expect(watched.done[0]!.seconds).toBeGreaterThan(0);
    watched.crew.stop();
    await ended;
    expect(watched.done).toHaveLength(1);
    expect(watched.workers.every((worker) => worker.ended)).toBe(true);
  });

  it('begins nothing with settings that no run can begin with', async () => {
    const cases: readonly (readonly [Partial<Session>, string])[] = [
      [{ source: { kind: 'none' } }, 'experiment-data'],
      [{ pairing: { kind: 'file', name: 'pair_info.json', fingerprint: '0'.repeat(64) } }, 'experiment-pairing'],
      [{ features: [] }, 'train-no-encoder'],
    ];
    for (const [change, code] of cases) {
      const watched = new Watched();
      await expect(watched.crew.run(await settings({ ...SESSION, ...change }), JOBS, 4)).rejects.toMatchObject({ code });
      expect(watched.workers).toHaveLength(1);
      expect(watched.given()).toEqual([[]]);
      expect(watched.failed).toEqual([]);
    }
  });

  it('tells that its workers cannot be had at all', async () => {
    const watched = new Watched();
    watched.onWorker = (worker) => worker.kill();
    await expect(watched.crew.run(await settings(), JOBS, 4)).rejects.toMatchObject({ code: 'experiment-worker' });
    expect(watched.workers).toHaveLength(2);
  });
});
