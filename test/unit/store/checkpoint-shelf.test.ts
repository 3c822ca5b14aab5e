import { beforeEach, describe, expect, it, vi } from 'vitest';
import { UserError } from '../../../src/base/errors.ts';
import { DEFAULT_SESSION, type Session } from '../../../src/config/session.ts';
import type { Checkpoint, TrainingMetrics } from '../../../src/engine/protocol.ts';
import { CheckpointShelf, CHECKPOINT_INTERVAL_MS } from '../../../src/store/checkpoint-shelf.ts';
import { CHECKPOINT_VERSION, Checkpoints } from '../../../src/store/checkpoints.ts';
import { NO_TRAINING, useRun, type DatasetSummary, type EncoderSummary } from '../../../src/store/run.ts';
import { useSession } from '../../../src/store/session.ts';
import { run, type FilmFrame } from '../../../src/store/training-shelf.ts';
import { filmTo, FINGERPRINTS, MemorySlots, metricsAt, runAt, stateAt, stepIn } from '../../support/saved-run.ts';

const other: Session = { ...DEFAULT_SESSION, policy: { ...DEFAULT_SESSION.policy, seed: 99 } };
const checkpoint = () => useRun.getState().checkpoint;
const stand = (step: number, playing = false): void => {
  run.metrics = Array.from({ length: step }, (_, k) => metricsAt(k + 1));
  useRun.setState({ training: { ...NO_TRAINING, step, steps: 900, playing } });
};
const load = (source: string = FINGERPRINTS.source): void =>
  useRun.setState({
    datasets: { source: { fingerprint: source } as DatasetSummary, target: { fingerprint: FINGERPRINTS.target } as DatasetSummary },
    encoders: [{ file: 'demo-encoder.onnx', state: { kind: 'ready', summary: { fingerprint: FINGERPRINTS.encoder } as EncoderSummary } }],
  });

/** A page on some slots, with an engine that trains as it is told. */
class Page {
  readonly played: number[] = [];
  readonly restored: Session[] = [];
  /** What the engine's next resumes throw. */
  refusal: UserError | null = null;
  asked = 0;
  readonly shelf: CheckpointShelf;

  constructor(slots: MemorySlots) {
    const client = {
      checkpoint: (): Promise<Checkpoint | null> => {
        this.asked++;
        const { step } = useRun.getState().training;
        return Promise.resolve(step > 0 ? stateAt(step) : null);
      },
    };
    const training = {
      resume: (_: Session, { step }: Checkpoint, { metrics, film }: { metrics: readonly TrainingMetrics[]; film: readonly FilmFrame[] }): Promise<void> => {
        if (this.refusal) return Promise.reject(this.refusal);
        stand(step);
        run.metrics = [...metrics];
        run.film = [...film];
        return Promise.resolve();
      },
      play: (): Promise<void> => Promise.resolve(void this.played.push(useRun.getState().training.step)),
      forget: (): void => useRun.setState({ training: NO_TRAINING }),
    };
    this.shelf = new CheckpointShelf(client, training, new Checkpoints(slots), (session) => {
      this.restored.push(session);
      useSession.getState().replace(session);
      return Promise.resolve();
    });
  }
}

let slots: MemorySlots;
beforeEach(() => {
  slots = new MemorySlots();
  useSession.getState().replace(DEFAULT_SESSION);
  run.metrics = [];
  run.film = [];
  useRun.setState({ training: NO_TRAINING, checkpoint: { savedStep: null, resumed: null, offer: null, error: null } });
  load();
});

/** A page that has played to a step, where it was saved. */
async function playedTo(step: number): Promise<Page> {
  const page = new Page(slots);
  await page.shelf.begin(DEFAULT_SESSION);
  stand(step, true);
  page.shelf.moved();
  await vi.waitFor(() => expect(checkpoint().savedStep).toBe(step));
  return page;
}

describe('saving', () => {
  it('at the first step that is told, then an interval later, and where the run rests', async () => {
    const page = await playedTo(1);
    const now = vi.spyOn(performance, 'now');
    const start = performance.now();
    now.mockReturnValue(start + CHECKPOINT_INTERVAL_MS - 100);
    stand(2, true);
    page.shelf.moved();
    expect(page.asked).toBe(1);
    now.mockReturnValue(start + CHECKPOINT_INTERVAL_MS + 100);
    stand(3, true);
    page.shelf.moved();
    await vi.waitFor(() => expect(checkpoint().savedStep).toBe(3));
    stand(4, true);
    page.shelf.moved();
    stand(5);
    page.shelf.moved();
    await vi.waitFor(() => expect(checkpoint().savedStep).toBe(5));
    now.mockRestore();
    expect(page.asked).toBe(3);
    expect(await stepIn(slots)).toBe(5);
  });

  it('not where the next step is no number, until the run stands at an earlier one', async () => {
    const page = await playedTo(4);
    stand(6);
    useRun.setState(({ training }) => ({ training: { ...training, error: { code: 'training-nan', message: 'Step 7 stopped.', detail: {} } } }));
    page.shelf.moved();
    expect(page.asked).toBe(1);
    stand(5);
    page.shelf.moved();
    await vi.waitFor(() => expect(checkpoint().savedStep).toBe(5));
    expect(await stepIn(slots)).toBe(5);
  });

  it('takes plans of the run along, as many as 16 MB hold', async () => {
    run.film = [...filmTo(3), { ...filmTo(4)[3]!, step: 9 }];
    await playedTo(4);
    expect(run.film).toHaveLength(4);
    const kept = async (): Promise<number[]> => {
      const reading = await new Checkpoints(slots).newest();
      return reading.kind === 'run' ? reading.run.film.map(({ step }) => step) : [];
    };
    expect(await kept()).toEqual([1, 2, 3]);
    run.film = [1, 2, 3, 4].map((step) => ({ step, n: 1, m: 2 ** 21, plan: new Float32Array(2 ** 21) }));
    const page = await playedTo(5);
    expect(page.asked).toBe(1);
    expect(await kept()).toEqual([1, 3]);
  });

  it('says that the storage is full, keeps what was saved, and goes on with the last step all the same when the engine dies', async () => {
    const page = await playedTo(4);
    slots.failure = Object.assign(new Error('no room'), { name: 'QuotaExceededError' });
    stand(6);
    page.shelf.moved();
    await vi.waitFor(() => expect(checkpoint().error?.code).toBe('checkpoint-full'));
    expect(checkpoint().savedStep).toBe(4);
    page.shelf.engineDied();
    useRun.setState({ training: NO_TRAINING });
    await page.shelf.claim();
    expect(useRun.getState().training.step).toBe(6);
    expect(await stepIn(slots)).toBe(4);
  });

  it('is over when the run is given up', async () => {
    const page = await playedTo(4);
    await page.shelf.discard();
    expect(await stepIn(slots)).toBe('none');
    useRun.setState({ training: NO_TRAINING });
    await page.shelf.claim();
    expect(checkpoint()).toEqual({ savedStep: null, resumed: null, offer: null, error: null });
  });
});

describe('a page that is opened', () => {
  it('goes on with the run of its session, and before it is played at the latest', async () => {
    await new Checkpoints(slots).write(runAt(7));
    await new Page(slots).shelf.claim();
    expect(useRun.getState().training.step).toBe(7);
    expect(run.metrics).toHaveLength(7);
    expect(run.film).toEqual(filmTo(7));
    expect(checkpoint()).toMatchObject({ savedStep: 7, resumed: { step: 7, died: false }, offer: null });
    useRun.setState({ training: NO_TRAINING });
    // λ and the solver's settings may change from step to step.
    useSession.getState().setSolve({ reg: 0.5 });
    useSession.getState().setTraining({ lambda: 3 });
    await new Page(slots).shelf.begin(useSession.getState().session);
    expect(useRun.getState().training.step).toBe(7);
  });

  it('offers the run of another session, and goes on with it once its session is there', async () => {
    await new Checkpoints(slots).write(runAt(7));
    useSession.getState().replace(other);
    const page = new Page(slots);
    await page.shelf.offer();
    expect(checkpoint().offer).toEqual({ at: 1_700_000_000_007, step: 7 });
    await page.shelf.claim();
    expect(useRun.getState().training.step).toBe(0);
    await page.shelf.continueOffered();
    expect(page.restored).toEqual([DEFAULT_SESSION]);
    await page.shelf.claim();
    expect(useRun.getState().training.step).toBe(7);
    expect(checkpoint().offer).toBeNull();
  });

  it('waits for data that are asked for, and offers the run where others come', async () => {
    await new Checkpoints(slots).write(runAt(7));
    const page = new Page(slots);
    await page.shelf.offer();
    expect(checkpoint().offer).toBeNull();
    load('0'.repeat(64));
    await page.shelf.claim();
    expect(checkpoint().offer?.step).toBe(7);
    expect(useRun.getState().training.step).toBe(0);
    load();
    await page.shelf.claim();
    expect(useRun.getState().training.step).toBe(7);
  });

  it('tries again where pairs are on their way, and says once what cannot be gone on with', async () => {
    await new Checkpoints(slots).write(runAt(7));
    const page = new Page(slots);
    page.refusal = new UserError('no-pairing', 'The pairs are not here.');
    await page.shelf.claim();
    expect(checkpoint()).toMatchObject({ error: null, offer: null });
    page.refusal = new UserError('checkpoint-mismatch', 'The checkpoint is of another policy.');
    await page.shelf.claim();
    expect(checkpoint()).toMatchObject({ error: { code: 'checkpoint-mismatch' }, offer: { step: 7 } });
    page.refusal = null;
    await page.shelf.claim();
    expect(useRun.getState().training.step).toBe(0);
  });

  it('says that a newer page saved a run', async () => {
    await new Checkpoints(slots).write(runAt(7));
    slots.slots.get('A')!.head.version = CHECKPOINT_VERSION + 1;
    await new Page(slots).shelf.claim();
    expect(checkpoint().error?.code).toBe('checkpoint-newer');
  });

  it('leaves the run of its own tab alone for that of another session', async () => {
    const page = await playedTo(3);
    await page.shelf.begin(other);
    expect(checkpoint().savedStep).toBeNull();
    useSession.getState().replace(other);
    stand(1, true);
    page.shelf.moved();
    await vi.waitFor(() => expect(checkpoint().savedStep).toBe(1));
    expect(await stepIn(slots)).toBe(1);
  });
});

describe('an engine that died', () => {
  const die = async (page: Page): Promise<void> => {
    page.shelf.engineDied();
    useRun.setState({ training: NO_TRAINING });
    // Its data come again one by one, and each ends a run.
    page.shelf.lost();
    page.shelf.lost();
    await page.shelf.claim();
  };

  it('is followed by one that plays on from the checkpoint, but not over and over at one step', async () => {
    const page = await playedTo(20);
    stand(23, true);
    await die(page);
    expect(checkpoint()).toMatchObject({ savedStep: 20, resumed: { step: 20, died: true } });
    expect(page.played).toEqual([20]);
    stand(20, true);
    await die(page);
    expect(useRun.getState().training.step).toBe(20);
    expect(page.played).toEqual([20]);
  });

  it('and stays paused where it was', async () => {
    const page = await playedTo(20);
    stand(20);
    page.shelf.moved();
    await vi.waitFor(() => expect(page.asked).toBe(2));
    await die(page);
    expect(useRun.getState().training.step).toBe(20);
    expect(page.played).toEqual([]);
  });
});
