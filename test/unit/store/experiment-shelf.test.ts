import { beforeEach, describe, expect, it, vi } from 'vitest';
import { UserError } from '../../../src/base/errors.ts';
import { methodOf, parseMethod, withMethod } from '../../../src/config/methods.ts';
import { DEFAULT_SESSION, type Session } from '../../../src/config/session.ts';
import type { CrewListener, Job, LoadedEncoder, RunResult } from '../../../src/engine/client.ts';
import { ExperimentShelf } from '../../../src/store/experiment-shelf.ts';
import { baseOf, belongsTo, countsOf, NO_RUNS, planOf, secondsLeft, useExperiment } from '../../../src/store/experiment.ts';
import { useSession } from '../../../src/store/session.ts';
import { StoredRuns, type ExperimentHead, type RunStore } from '../../../src/store/stored-runs.ts';

const ENCODER = { file: 'demo-encoder.onnx', fingerprint: 'e'.repeat(64) } as LoadedEncoder;
const state = () => useExperiment.getState();
const named = ({ method, seed }: Job): string => `${method} ${seed}`;
const resultOf = (job: Job): RunResult => ({ ...job, attempts: 30, id: 20, ood: 10 + job.seed, probeId: 0.1, probeOod: 0.2, mass: 0.1, phaseError: Number.NaN, sourceVariance: 1, targetVariance: 1, targetRank: null, bc: 0.1, curve: [{ step: 1, bc: 1, mass: null, variance: 1, probe: null }], seconds: 2 });

/** Runs in memory; what is put is cloned, as IndexedDB does. */
class MemoryRuns implements RunStore {
  readonly experiments = new Map<string, { head: ExperimentHead; runs: Map<string, RunResult> }>();
  failure: Error | null = null;

  heads = (): Promise<unknown[]> => Promise.resolve([...this.experiments.values()].map(({ head }) => structuredClone(head)));
  runs = (key: string): Promise<unknown[]> => Promise.resolve(structuredClone([...(this.experiments.get(key)?.runs.values() ?? [])]));
  remove = (key: string): Promise<void> => Promise.resolve(void this.experiments.delete(key));
  put(head: ExperimentHead, results: readonly RunResult[]): Promise<void> {
    if (this.failure) return Promise.reject(this.failure);
    const held = this.experiments.get(head.key) ?? { head, runs: new Map<string, RunResult>() };
    for (const result of results) held.runs.set(named(result), structuredClone(result));
    this.experiments.set(head.key, { head: structuredClone(head), runs: held.runs });
    return Promise.resolve();
  }
}

/** A page on some storage, whose crew does as many runs as it is let. */
class Page {
  readonly asked: Job[][] = [];
  readonly shelf: ExperimentShelf;
  encoders: LoadedEncoder[] = [ENCODER];
  refusal: UserError | null = null;
  /** Runs that are done before the crew waits to be stopped. */
  allowed = Infinity;
  paused = 0;

  constructor(store: RunStore) {
    this.shelf = new ExperimentShelf({ encoders: () => Promise.resolve(this.encoders) }, store, (listener) => this.#crew(listener));
  }

  #crew(listener: CrewListener): ConstructorParameters<typeof ExperimentShelf>[2] extends ((listener: CrewListener) => infer Crew) | undefined ? Crew : never {
    let stop = (): void => undefined;
    const stopped = new Promise<void>((resolve) => (stop = resolve));
    return {
      run: async (_, jobs) => {
        this.asked.push([...jobs]);
        if (this.refusal) throw this.refusal;
        for (const [k, job] of jobs.entries()) {
          listener.onProgress([{ ...job, share: 0.5, seconds: 4 }]);
          if (k >= this.allowed) return stopped;
          if (job.method === 'source') listener.onFailed(job, { code: 'training-nan', message: 'It left the numbers.', detail: {} });
          else listener.onDone(resultOf(job));
        }
      },
      pause: () => void this.paused++,
      goOn: () => void this.paused--,
      stop: () => stop(),
    };
  }
}

let store: MemoryRuns;
beforeEach(() => {
  store = new MemoryRuns();
  useSession.getState().replace(DEFAULT_SESSION);
  useExperiment.setState({ chosen: ['cotrain', 'uot'], variants: [], seeds: '3:5', attempts: 30, reference: 'cotrain', phase: 'idle', ...NO_RUNS });
});

describe('a plan', () => {
  const base = methodOf(DEFAULT_SESSION);
  it('is methods in their order, each once, and seeds', () => {
    expect(planOf({ chosen: ['uot/random', 'uot', 'uot/2', 'target'], seeds: '3:5' }, base)).toEqual({ methods: ['target', 'uot', 'uot/random'], seeds: [3, 4], error: null });
  });

  it.each([
    [{ chosen: ['uot'], seeds: '3, 4, 3' }, 'bad-seeds', /^Seed 3 is named twice/],
    [{ chosen: ['uot'], seeds: '' }, 'bad-seeds', /1 to 256 seeds/],
    [{ chosen: [], seeds: '3' }, 'no-methods', /^No method is chosen/],
    [{ chosen: ['telepathy'], seeds: '3' }, 'bad-method', /^There is no method/],
  ])('%j is none', (plan, code, sentence) => {
    expect(planOf(plan, base).error).toMatchObject({ code, message: expect.stringMatching(sentence) });
  });

  it('says how long it will take: by what is done, or by what is under way', () => {
    const active = [{ method: 'uot', seed: 3, share: 0.5, seconds: 10 }];
    expect(secondsLeft({ runs: [], active: [] }, 4)).toBeNull();
    expect(secondsLeft({ runs: [], active: [{ ...active[0]!, share: 0.01 }] }, 4)).toBeNull();
    expect(secondsLeft({ runs: [], active }, 4)).toBe(70);
    expect(secondsLeft({ runs: [resultOf({ method: 'uot', seed: 4 })], active }, 4)).toBe(7);
  });
});

describe('an experiment', () => {
  it('runs seeds outer and methods inner, and keeps each run', async () => {
    const page = new Page(store);
    await page.shelf.start();
    expect(page.asked[0]!.map(named)).toEqual(['cotrain 3', 'uot 3', 'cotrain 4', 'uot 4']);
    expect(state()).toMatchObject({ phase: 'idle', active: [], error: null, saveError: null });
    expect(state().runs).toHaveLength(4);
    await vi.waitFor(async () => expect((await new StoredRuns(store).find(null))?.runs).toHaveLength(4));
  });

  it('is offered after a reload, and goes on with what is missing', async () => {
    const page = new Page(store);
    page.allowed = 3;
    const ended = page.shelf.start();
    await vi.waitFor(() => expect(state().runs).toHaveLength(3));
    expect(state().phase).toBe('running');
    page.shelf.pause();
    expect(state().phase).toBe('paused');
    expect(page.paused).toBe(1);
    page.shelf.goOn();
    expect(page.paused).toBe(0);
    page.shelf.stop();
    await ended;
    expect(state().phase).toBe('idle');
    await vi.waitFor(async () => expect((await new StoredRuns(store).find(null))?.runs).toHaveLength(3));
    // The page is opened anew, with other settings.
    useExperiment.setState({ chosen: ['target'], seeds: '1', ...NO_RUNS });
    useSession.getState().setSolve({ reg: 0.5 });
    const next = new Page(store);
    await next.shelf.open();
    expect(state()).toMatchObject({ chosen: ['cotrain', 'uot'], seeds: '3:5' });
    const { experiment } = state();
    expect(countsOf(state(), planOf(state(), baseOf(experiment, DEFAULT_SESSION)))).toEqual({ total: 4, done: 3, failed: 0 });
    expect(experiment!.session.solve.reg).toBe(DEFAULT_SESSION.solve.reg);
    expect(belongsTo(useSession.getState().session, experiment!)).toBe(false);
    await next.shelf.start();
    expect(next.asked.map((jobs) => jobs.map(named))).toEqual([['uot 4']]);
    expect(state().runs).toHaveLength(4);
  });

  it('keeps runs of other settings apart, and finds them again', async () => {
    const page = new Page(store);
    await page.shelf.start();
    await vi.waitFor(() => expect(store.experiments.size).toBe(1));
    useSession.getState().setSolve({ reg: 0.5 });
    await page.shelf.renew();
    expect(state().runs).toEqual([]);
    await page.shelf.start();
    await vi.waitFor(() => expect(store.experiments.size).toBe(2));
    expect(page.asked[1]).toHaveLength(4);
    useSession.getState().setSolve({ reg: DEFAULT_SESSION.solve.reg });
    // The policy's seed is each run's own.
    useSession.getState().setPolicy({ seed: 77 });
    await page.shelf.renew();
    expect(state().runs).toHaveLength(4);
    await page.shelf.clear();
    expect(state()).toMatchObject({ runs: [], experiment: null });
    expect(store.experiments.size).toBe(1);
  });

  it('knows the sessions that its methods make as its own', () => {
    const shared = { session: DEFAULT_SESSION };
    for (const text of ['target', 'cotrain', 'balanced', 'uot/random', 'uot/10', 'diagonal/episode', 'transfer', 'energy'])
      expect(belongsTo(withMethod(DEFAULT_SESSION, parseMethod(text, methodOf(DEFAULT_SESSION))), shared), text).toBe(true);
    const other: Session = { ...DEFAULT_SESSION, training: { ...DEFAULT_SESSION.training, lambda: 3 } };
    expect(belongsTo(other, shared)).toBe(false);
  });

  it('says once what keeps it from beginning, and fixes nothing', async () => {
    const page = new Page(store);
    page.refusal = new UserError('encoder-untrainable', 'demo-encoder.onnx cannot be trained: it has no weights.');
    await page.shelf.start();
    expect(state()).toMatchObject({ phase: 'idle', experiment: null, runs: [], failed: [], error: { code: 'encoder-untrainable' } });
    useExperiment.setState({ seeds: '4, 4' });
    await page.shelf.start();
    expect(page.asked).toHaveLength(1);
    expect(state().error).toMatchObject({ code: 'bad-seeds' });
  });

  it('does not mix in runs with another encoder', async () => {
    const page = new Page(store);
    page.allowed = 1;
    const ended = page.shelf.start();
    await vi.waitFor(() => expect(state().runs).toHaveLength(1));
    page.shelf.stop();
    await ended;
    page.encoders = [{ ...ENCODER, fingerprint: 'f'.repeat(64) }];
    await page.shelf.start();
    expect(state().error).toMatchObject({ code: 'experiment-encoder', detail: { file: 'demo-encoder.onnx' } });
    expect(page.asked).toHaveLength(1);
  });

  it('counts runs that fail, with their sentence, and tries them again when it is started again', async () => {
    useExperiment.setState({ chosen: ['source', 'uot'] });
    const page = new Page(store);
    await page.shelf.start();
    expect(state().failed.map(named)).toEqual(['source 3', 'source 4']);
    expect(state().failed[0]!.error.message).toBe('It left the numbers.');
    await page.shelf.start();
    expect(page.asked[1]!.map(named)).toEqual(['source 3', 'source 4']);
  });

  it('says that the storage is full and goes on, and keeps all of it once there is room', async () => {
    store.failure = Object.assign(new Error('no room'), { name: 'QuotaExceededError' });
    const page = new Page(store);
    await page.shelf.start();
    await vi.waitFor(() => expect(state().saveError?.code).toBe('experiment-full'));
    expect(state().runs).toHaveLength(4);
    store.failure = null;
    useExperiment.setState({ seeds: '3:6' });
    await page.shelf.start();
    await vi.waitFor(async () => expect((await new StoredRuns(store).find(null))?.runs).toHaveLength(6));
    expect(state().saveError).toBeNull();
    store.failure = new Error('forbidden');
    useExperiment.setState({ seeds: '3:7' });
    await page.shelf.start();
    await vi.waitFor(() => expect(state().saveError?.code).toBe('experiment-storage'));
  });

  it('takes variants, and a kind where a variant is one', () => {
    const { shelf } = new Page(store);
    shelf.addVariant({ kind: 'uot', paired: false, window: 'episode' });
    shelf.addVariant({ kind: 'diagonal', paired: true, window: 10 });
    shelf.addVariant({ kind: 'band', paired: true, window: DEFAULT_SESSION.training.window });
    expect(state()).toMatchObject({ variants: ['uot/random', 'diagonal/10'], chosen: ['cotrain', 'uot', 'uot/random', 'diagonal/10', 'band'] });
    shelf.removeVariant('uot/random');
    shelf.toggle('band');
    expect(state()).toMatchObject({ variants: ['diagonal/10'], chosen: ['cotrain', 'uot', 'diagonal/10'] });
  });

  it('is saved as files: all that is known, or a row a run', async () => {
    const page = new Page(store);
    await page.shelf.start();
    const json = JSON.parse(await page.shelf.file('json').content.text()) as Record<string, unknown>;
    expect(json).toMatchObject({ format: 'ot-playground-experiment', attempts: 30, reference: 'cotrain', session: { solve: { reg: 0.01 } }, encoders: [{ file: 'demo-encoder.onnx' }] });
    expect(json.runs).toHaveLength(4);
    expect(json.methods).toMatchObject([{ method: 'cotrain', runs: 2 }, { method: 'uot', runs: 2 }]);
    expect(json.comparisons).toContainEqual(expect.objectContaining({ left: 'uot', right: 'cotrain', measure: 'ood', pairs: 2, mean: 0 }));
    const rows = (await page.shelf.file('csv').content.text()).trim().split('\n');
    expect(rows[0]).toBe('method,seed,attempts,id,ood,probeId,probeOod,mass,phaseError,sourceVariance,targetVariance,targetRank,bc,seconds');
    expect(rows[1]).toBe('cotrain,3,30,20,13,0.1,0.2,0.1,,1,1,,0.1,2');
    expect(rows).toHaveLength(5);
  });
});

describe('what is written down', () => {
  it('is of the newest six experiments', async () => {
    const stored = new StoredRuns(store);
    const head = { session: JSON.stringify(DEFAULT_SESSION), attempts: 30, encoders: [], methods: ['uot'], seeds: '3' };
    for (let k = 0; k < 8; k++) await stored.add({ ...head, key: `k${k}`, at: k }, [resultOf({ method: 'uot', seed: 3 })]);
    expect([...store.experiments.keys()]).toEqual(['k2', 'k3', 'k4', 'k5', 'k6', 'k7']);
    expect((await stored.find(null))!.head.key).toBe('k7');
    expect(await stored.find('k0')).toBeNull();
  });

  it('is passed over where it is of another shape', async () => {
    store.experiments.set('x', { head: { format: 99 } as ExperimentHead, runs: new Map() });
    expect(await new StoredRuns(store).find(null)).toBeNull();
    const page = new Page(store);
    store.experiments.set('y', { head: { format: 1, key: 'y', at: 1, session: 'no JSON', attempts: 3, encoders: [], methods: [], seeds: '' }, runs: new Map() });
    await page.shelf.open();
    expect(state().experiment).toBeNull();
  });
});
