import { reportError, UserError } from '../base/errors.ts';
import { DEMO_TRAINING } from '../config/presets.ts';
import type { DataRef, Session } from '../config/session.ts';
import { DEFAULT_TRAINING } from '../config/training.ts';
import { wantsEmbedding } from '../core/cost/features.ts';
import { suggestReg } from '../core/ot/suggest.ts';
import { HEALTHY_MASS, type Cure } from '../core/ot/warnings.ts';
import { demoFiles, EngineClient, isEncoderDrop, isPairInfoDrop, readInWorker, type PickedFile } from '../engine/client.ts';
import type { BackendChoice, Side, SolveReport } from '../engine/protocol.ts';
import { t } from '../words/index.ts';
import { saveSoon } from './autosave.ts';
import { CheckpointShelf } from './checkpoint-shelf.ts';
import { ConfigShelf, isConfigDrop } from './config-shelf.ts';
import { EncoderShelf } from './encoder-shelf.ts';
import { ExperimentShelf } from './experiment-shelf.ts';
import { Explainer } from './explainer.ts';
import { IndexedRuns } from './indexed-runs.ts';
import { PairingShelf, pairingFor } from './pairing-shelf.ts';
import { PairingViewer } from './pairing-viewer.ts';
import { RolloutShelf } from './rollout-shelf.ts';
import { matrices, useRun, type LoadState } from './run.ts';
import { RemoteCheckpoints } from './remote-checkpoints.ts';
import { useSession, withBuiltins } from './session.ts';
import { suggestTerms } from './suggest-terms.ts';
import { folderName, summarise } from './summaries.ts';
import { TrainingShelf } from './training-shelf.ts';
import { useView } from './view.ts';

/** Cells of the largest plan for which sweeps of hundreds of solves are worth the wait: 256 × 256. */
export const MAX_SWEEP_CELLS = 65_536;
/** Quiet time after the last change before curves and map are computed. */
const SWEEP_DELAY_MS = 90;
/** Work that is over sooner would only flicker. */
const SHOW_WORK_AFTER_MS = 300;
/** A GPU that was lost so often is left alone. */
const GPU_LOSSES = 2;

/**
 * Keeps the page alive: every change of the session becomes a solve (latest wins), every solve a new plan, and after a
 * pause the response curves and the regime map. Loads data through the disposable reader. One instance, made in main.
 */
export class Live {
  readonly #client: EngineClient;
  readonly encoders: EncoderShelf;
  readonly configs: ConfigShelf;
  readonly pairing: PairingShelf;
  readonly training: TrainingShelf;
  readonly checkpoints: CheckpointShelf;
  readonly rollouts: RolloutShelf;
  readonly experiments: ExperimentShelf;
  readonly #viewer: PairingViewer;
  readonly #explainer: Explainer;
  #choice: BackendChoice;
  #configured: Promise<void> = Promise.resolve();
  #losses = 0;
  /** Files of each side, kept so that a new engine can be given them again. */
  readonly #files: Record<Side, { files: readonly PickedFile[]; demo: 'sim' | 'real' | null } | null> = { source: null, target: null };
  readonly #reads: Record<Side, AbortController | null> = { source: null, target: null };
  #sweepTimer: ReturnType<typeof setTimeout> | undefined;
  #sweepKey = '';
  #costVersion = 0;
  /** The terms that were last proposed for loaded data, as JSON. */
  #proposed = '';
  #busyTimer: ReturnType<typeof setTimeout> | undefined;
  #busy = 0;

  constructor(createWorker: () => Worker, choice: BackendChoice) {
    this.#choice = choice;
    this.#client = new EngineClient(createWorker, (reason) => void this.#reload(reason));
    this.encoders = new EncoderShelf(this.#client, () => {
      this.#forgetRun();
      void this.#solve();
    });
    this.configs = new ConfigShelf(this.#client);
    this.pairing = new PairingShelf(this.#client, () => void this.#solve());
    this.training = new TrainingShelf(this.#client, () => void this.#solve(), () => this.checkpoints);
    this.checkpoints = new CheckpointShelf(this.#client, this.training, new RemoteCheckpoints(() => new Worker(new URL('checkpoint.worker.ts', import.meta.url), { type: 'module', name: 'checkpoints' })), (session) => this.restore(session));
    this.rollouts = new RolloutShelf(this.#client);
    this.experiments = new ExperimentShelf(this.#client, new IndexedRuns());
    this.#viewer = new PairingViewer(this.#client);
    this.#explainer = new Explainer(this.#client, MAX_SWEEP_CELLS);
  }

  /** Follow the session from now on and load what it names. */
  async start(): Promise<void> {
    useSession.subscribe(({ session }, previous) => {
      if (session === previous.session) return;
      saveSoon(session);
      if (session.encoders !== previous.session.encoders) void this.encoders.follow(session.encoders);
      if (session.pairing !== previous.session.pairing) void this.pairing.follow();
      void this.#solve();
    });
    this.configs.recall();
    void this.experiments.open();
    // The adapter takes its time; data can be read meanwhile, and solves wait for it.
    this.#configured = this.#configure().catch(() => undefined);
    const { source, target, encoders } = useSession.getState().session;
    await Promise.all([this.#configured, this.encoders.follow(encoders), this.pairing.follow(), this.openRef('source', source), this.openRef('target', target)]);
    await this.checkpoints.offer();
  }

  /** Take over a whole session, data included. */
  async restore(session: Session): Promise<void> {
    this.configs.dismiss();
    useSession.getState().replace(session);
    this.configs.recall();
    await Promise.all([this.openRef('source', session.source), this.openRef('target', session.target)]);
  }

  /** Load what a session names: a demo shard, nothing, or a local file that has to be asked for. */
  async openRef(side: Side, ref: DataRef): Promise<void> {
    const held = useRun.getState().datasets[side];
    if (ref.kind === 'demo') {
      if (held?.name !== ref.name || !held.demo) await this.openDemo(side, ref.name);
      return;
    }
    if (ref.kind === 'local' && held?.fingerprint === ref.fingerprint) return;
    await this.#drop(side, ref.kind === 'local' ? { kind: 'wanted', name: ref.name } : { kind: 'none' });
  }

  async openDemo(side: Side, name: 'sim_pick' | 'real_pick' = side === 'source' ? 'sim_pick' : 'real_pick'): Promise<void> {
    await this.#read(side, name, name === 'sim_pick' ? 'sim' : 'real', () => demoFiles(name, document.baseURI), { kind: 'demo', name });
  }

  /** Read files that a person chose. What was loaded stays until they are in. Encoders and configs are known by their name. */
  async openFiles(side: Side, getFiles: () => Promise<readonly PickedFile[]>): Promise<void> {
    let files: readonly PickedFile[] = [];
    try {
      files = await getFiles();
    } catch (thrown) {
      useRun.setState(({ loadErrors }) => ({ loadErrors: { ...loadErrors, [side]: reportError(thrown) } }));
      return;
    }
    if (await isPairInfoDrop(files)) await this.pairing.openFiles(() => Promise.resolve(files));
    else if (isConfigDrop(files)) await this.configs.openFiles(() => Promise.resolve(files));
    else if (isEncoderDrop(files)) await this.encoders.openFiles(() => Promise.resolve(files));
    else await this.#read(side, '', null, () => Promise.resolve(files), null);
  }

  cancel(side: Side): void {
    this.#reads[side]?.abort();
  }

  async clear(side: Side): Promise<void> {
    this.#reads[side]?.abort();
    this.dismissLoadError(side);
    useSession.getState().setData(side, { kind: 'none' });
    await this.#drop(side, { kind: 'none' });
  }

  dismissLoadError(side: Side): void {
    useRun.setState(({ loadErrors }) => ({ loadErrors: { ...loadErrors, [side]: null } }));
  }

  async frame(side: Side, row: number, width: number, height: number): Promise<Uint8ClampedArray<ArrayBuffer> | null> {
    return this.#client.frame(side, row, width, height).catch(() => null);
  }

  async #configure(): Promise<void> {
    const backend = await this.#client.configure(this.#choice);
    useRun.setState({ backend, ...(backend.reason ? { remark: backend.reason } : {}) });
  }

  /** Both solvers on the present problem. */
  async verify(): Promise<void> {
    useRun.setState({ verification: 'running' });
    try {
      useRun.setState({ verification: await this.#client.verify(useSession.getState().session) });
    } catch (thrown) {
      useRun.setState({ verification: null, remark: reportError(thrown).message });
    }
  }

  /** Do what a warning offers. */
  async cure(cure: Cure): Promise<void> {
    const { session, setSolve, setFeatures, setTraining } = useSession.getState();
    switch (cure.kind) {
      case 'prior':
        setSolve(cure.prior.kind === 'soft' ? { prior: 'soft', softEpsilon: cure.prior.epsilon } : { prior: 'product' });
        return;
      case 'reg':
        setSolve({ reg: cure.reg });
        return;
      case 'mode':
        setSolve({ mode: cure.mode });
        return;
      case 'mass':
        try {
          const tau = threeDigits(await this.#showingWork(() => this.#client.suggestTau(session, cure.mass)));
          setSolve({ tau1: tau, tau2: tau });
        } catch (thrown) {
          useRun.setState({ error: reportError(thrown) });
        }
        return;
      case 'term-weight':
        setFeatures(session.features.map((spec) => (spec.term_name === cure.term ? { ...spec, term_weight: spec.term_weight * cure.factor } : spec)));
        return;
      case 'camera-weights':
        setFeatures(session.features.map((spec) => (spec.use_learned_embed ? { ...spec, term_weight: spec.term_weight / cure.count } : spec)));
        return;
      case 'lambda':
        setTraining({ lambda: threeDigits(session.training.lambda * cure.factor) });
        return;
      case 'window':
        setTraining({ window: cure.window, noWindow: false });
        return;
    }
  }

  /** A first guess from the data: reg from the spread of M, then τ₁ = τ₂ for a healthy mass. */
  async suggest(): Promise<void> {
    const { report } = useRun.getState();
    const { session, setSolve } = useSession.getState();
    if (!report || !(report.statistics.std > 0)) return;
    const reg = threeDigits(suggestReg(report.statistics.std / report.sigma));
    try {
      const tau = threeDigits(await this.#showingWork(() => this.#client.suggestTau({ ...session, solve: { ...session.solve, reg } }, HEALTHY_MASS.wanted)));
      setSolve({ reg, tau1: tau, tau2: tau });
    } catch {
      // At this reg no τ gives that mass (a mask, or costs that hardly differ); reg alone is still a start.
      setSolve({ reg });
    }
  }

  /** What the engine is given next ends its run. */
  #forgetRun(): void {
    this.checkpoints.lost();
    this.training.forget();
    this.rollouts.forget();
  }

  async #drop(side: Side, load: LoadState): Promise<void> {
    this.#files[side] = null;
    this.#forgetRun();
    await this.#client.clear(side);
    matrices.plan = matrices.costs = matrices.episodePair = null;
    this.#costVersion = 0;
    useRun.setState(({ datasets, loads }) => ({ datasets: { ...datasets, [side]: null }, loads: { ...loads, [side]: load }, report: null, error: null, responses: null, regimeMap: null }));
  }

  async #read(side: Side, name: string, demo: 'sim' | 'real' | null, getFiles: () => Promise<readonly PickedFile[]>, ref: DataRef | null): Promise<void> {
    this.#reads[side]?.abort();
    const abort = new AbortController();
    this.#reads[side] = abort;
    const before = useRun.getState().loads[side];
    const startedAt = performance.now();
    const setLoad = (load: LoadState): void => {
      if (this.#reads[side] === abort) useRun.setState(({ loads }) => ({ loads: { ...loads, [side]: load } }));
    };
    try {
      const files = await getFiles();
      const shown = name || folderName(files);
      this.dismissLoadError(side);
      setLoad({ kind: 'loading', name: shown, step: 'meta', done: 0, total: 1, startedAt });
      const dataset = await readInWorker(files, { signal: abort.signal, onProgress: ({ step, done, total }) => setLoad({ kind: 'loading', name: shown, step, done, total, startedAt }) });
      if (this.#reads[side] !== abort) return;
      const summary = summarise(dataset, shown, demo);
      this.#forgetRun();
      await this.#client.load(side, dataset, demo);
      if (this.#reads[side] !== abort) return;
      this.#files[side] = { files, demo };
      useRun.setState(({ datasets, loads }) => ({ datasets: { ...datasets, [side]: summary }, loads: { ...loads, [side]: { kind: 'ready' } } }));
      const wanted = useSession.getState().session[side];
      if (before.kind === 'wanted' && wanted.kind === 'local' && wanted.fingerprint !== summary.fingerprint) useRun.setState({ remark: t('shard.differs') });
      this.#adopt(side, ref ?? { kind: 'local', name: shown, fingerprint: summary.fingerprint });
    } catch (thrown) {
      if (this.#reads[side] !== abort) return;
      const error = reportError(thrown);
      setLoad(before.kind === 'loading' ? { kind: useRun.getState().datasets[side] ? 'ready' : 'none' } : before);
      if (error.code !== 'cancelled') useRun.setState(({ loadErrors }) => ({ loadErrors: { ...loadErrors, [side]: error } }));
    } finally {
      if (this.#reads[side] === abort) this.#reads[side] = null;
    }
  }

  /** Make the session name the data that are now loaded, with terms that they have. */
  #adopt(side: Side, ref: DataRef): void {
    const { session, replace } = useSession.getState();
    const next: Session = { ...session, [side]: ref };
    const { source, target } = useRun.getState().datasets;
    const changed = JSON.stringify(session[side]) !== JSON.stringify(ref);
    // Terms that nobody has touched since they were proposed were meant for the data of then.
    const proposed = JSON.stringify(next.features) === this.#proposed;
    const features = changed && source && target ? suggestTerms(proposed ? [] : next.features, source, target) : next.features;
    if (features !== next.features) this.#proposed = JSON.stringify(features);
    const restart = changed ? { batch: { ...next.batch, [side === 'source' ? 'sourceEpisodes' : 'targetEpisodes']: '' } } : {};
    const pairing = changed && source && target ? pairingFor(next.pairing, source, target) : next.pairing;
    // What the demo's distances were weighed by goes with them.
    const training = pairing !== next.pairing && JSON.stringify(next.training) === JSON.stringify(DEMO_TRAINING) ? DEFAULT_TRAINING : next.training;
    replace(withBuiltins({ ...next, ...restart, features, pairing, training }));
    void this.pairing.dataChanged();
    void this.#solve();
  }

  /** Run a task; one that takes long shows. */
  async #showingWork<T>(task: () => Promise<T>): Promise<T> {
    this.#busy++;
    this.#busyTimer ??= setTimeout(() => useRun.setState({ busy: true }), SHOW_WORK_AFTER_MS);
    try {
      return await task();
    } finally {
      if (--this.#busy === 0) {
        clearTimeout(this.#busyTimer);
        this.#busyTimer = undefined;
        useRun.setState({ busy: false });
      }
    }
  }

  async #solve(): Promise<void> {
    await this.#configured;
    const { datasets, encoders } = useRun.getState();
    if (!datasets.source || !datasets.target) return;
    const { session } = useSession.getState();
    if (this.pairing.isPreparing(session)) return;
    for (const { file, state } of encoders) {
      const spec = session.features.find((candidate) => wantsEmbedding(candidate) && candidate.embed?.file === file);
      // An encoder on its way solves when it is there.
      if (spec && state.kind === 'loading') return;
      if (spec && state.kind === 'stopped') {
        useRun.setState({ error: { ...state.error, detail: { ...state.error.detail, term: spec.term_name } } });
        return;
      }
    }
    try {
      const solved = await this.#showingWork(() => this.#client.solve(session, this.#costVersion));
      if (!solved) return;
      const { costs, ...plan } = solved.matrices;
      if (costs) {
        const first = matrices.costs === null;
        matrices.costs = costs;
        this.#costVersion = costs.version;
        keepCursorInside(plan.plan, solved.report.n, solved.report.m, first);
      }
      matrices.plan = { ...plan, costs: null };
      useRun.setState(({ planVersion, backend }) => ({
        report: solved.report,
        error: null,
        verification: null,
        planVersion: planVersion + 1,
        // A lost device shows here: the solve was made by what is left.
        backend: solved.report.backend === backend.kind ? backend : { ...backend, kind: solved.report.backend },
      }));
      this.#sweepSoon(session, solved.report);
      this.#viewer.refresh();
      this.#explainer.refresh();
      this.training.planSolved();
      if (session === useSession.getState().session) void this.checkpoints.claim();
    } catch (thrown) {
      const error = reportError(thrown);
      if (error.code !== 'engine-died' && error.code !== 'no-data') useRun.setState({ error });
    }
  }

  /** Curves, then the map, each only when what it depends on has changed. */
  #sweepSoon(session: Session, { costVersion, n, m }: SolveReport): void {
    clearTimeout(this.#sweepTimer);
    if (n * m > MAX_SWEEP_CELLS) {
      this.#sweepKey = '';
      useRun.setState({ responses: null, regimeMap: null });
      return;
    }
    this.#sweepTimer = setTimeout(() => {
      const key = JSON.stringify([session.solve, costVersion]);
      if (key === this.#sweepKey) return;
      this.#sweepKey = key;
      void this.#sweep(session).then((finished) => {
        if (!finished && this.#sweepKey === key) this.#sweepKey = '';
      });
    }, SWEEP_DELAY_MS);
  }

  /** Whether both sweeps came to their end. A sweep has nothing to say that the solve of its settings has not said. */
  async #sweep(session: Session): Promise<boolean> {
    try {
      const responses = await this.#client.responses(session);
      if (responses) useRun.setState({ responses });
      const regimeMap = responses && (await this.#client.regimeMap(session));
      if (regimeMap) useRun.setState({ regimeMap });
      return regimeMap !== null;
    } catch {
      return false;
    }
  }

  /** Give a new engine what the old one held. */
  async #reload(reason: UserError): Promise<void> {
    this.#costVersion = 0;
    this.checkpoints.engineDied();
    this.training.forget();
    if (reason.code === 'encoder-hung' && reason.detail.file) this.encoders.stop(reason.detail.file, reportError(reason));
    if (reason.code === 'encoder-lost' && ++this.#losses >= GPU_LOSSES && this.#choice !== 'cpu') {
      this.#choice = 'cpu';
      useRun.setState({ remark: t('backend.given-up') });
    }
    await this.#configure();
    const shelves = Promise.all([this.encoders.reload(), this.pairing.reload()]);
    for (const side of ['source', 'target'] as const) {
      const held = this.#files[side];
      if (held) await this.#read(side, useRun.getState().datasets[side]?.name ?? '', held.demo, () => Promise.resolve(held.files), useSession.getState().session[side]);
    }
    await shelves;
  }
}

/** Point at a cell that exists; on new data, at the strongest match a third of the way down. */
function keepCursorInside(plan: Float64Array, n: number, m: number, first: boolean): void {
  const { cursor } = useView.getState();
  if (!first && cursor.i < n && cursor.j < m) return;
  const i = Math.floor(n / 3);
  const row = plan.subarray(i * m, (i + 1) * m);
  useView.setState({ cursor: { i, j: row.indexOf(row.reduce((top, value) => Math.max(top, value), 0)) }, zoom: null });
}

/** What a box shows is what is solved. */
const threeDigits = (value: number): number => Number(value.toPrecision(3));
