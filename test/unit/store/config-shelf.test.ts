import { unzipSync } from 'fflate';
import { beforeEach, describe, expect, it } from 'vitest';
import { UserError } from '../../../src/base/errors.ts';
import { potSnippet } from '../../../src/config/pot-snippet.ts';
import { DEFAULT_SESSION, readSession, writeSession, type Session } from '../../../src/config/session.ts';
import { solve } from '../../../src/core/ot/solve.ts';
import type { PickedFile } from '../../../src/engine/client.ts';
import { ConfigShelf, isConfigDrop } from '../../../src/store/config-shelf.ts';
import { useRun } from '../../../src/store/run.ts';
import { useSession } from '../../../src/store/session.ts';
import { makeProblem } from '../../support/ot.ts';

const CONFIG = { batch_size: 64, seed: 5, ot: { enable: true, batch_ratio: 0.5, mystery: 1e-5, loss_config: { features: [{ src_key: 'action', tgt_key: 'action' }], reg: 0.2, tau_src: null as number | null, tau_tgt: 0.7, heuristic: false } } };
const picked = (name: string, content: BlobPart): PickedFile => ({ path: name, file: new File([content], name) });
const open = (...files: PickedFile[]): Promise<void> => shelf.openFiles(() => Promise.resolve(files));
const session = (): Session => useSession.getState().session;
const problem = makeProblem(6, 6, { reg: 0.1, tau1: 0.5, tau2: 0.5 });
let refusal: UserError | null = null;
let shelf: ConfigShelf;

beforeEach(() => {
  refusal = null;
  useSession.getState().replace({ ...DEFAULT_SESSION, solve: { ...DEFAULT_SESSION.solve, mode: 'parity' } });
  useRun.setState(useRun.getInitialState());
  shelf = new ConfigShelf({
    potScript: () => (refusal ? Promise.reject(refusal) : Promise.resolve(potSnippet(problem, solve(problem, { mode: 'fast' })))),
  });
});

describe('a config that is opened', () => {
  it('becomes the session, on the data, mode and encoders that are there', async () => {
    await open(picked('train_config.json', JSON.stringify(CONFIG)));
    const { source, target, encoders } = DEFAULT_SESSION;
    expect(session()).toMatchObject({ source, target, encoders, solve: { mode: 'parity', reg: 0.2, tau1: 0.7, tau2: 0.7, prior: 'product' }, batch: { size: 32, seed: 5 } });
    expect(session().features.map(({ src_key }) => src_key)).toEqual(['action']);
    const { config, configError } = useRun.getState();
    expect(config).toMatchObject({ file: 'train_config.json', kind: 'lerobot', unknown: ['ot.mystery'], nullTau: 'fork' });
    expect(config?.findings.map(({ code }) => code)).toContain('tau-one-null');
    expect(configError).toBeNull();
  });

  it('has its null τ read the other way without losing what was changed since', async () => {
    await open(picked('train_config.json', JSON.stringify(CONFIG)));
    useSession.getState().setSolve({ reg: 0.9 });
    shelf.readNullTauAs('hard');
    expect(session().solve).toMatchObject({ reg: 0.9, tau1: Infinity, tau2: 0.7 });
    expect(useRun.getState().config?.nullTau).toBe('hard');
    expect(await shelf.write('lerobot').content.text()).toContain('"tau_src": Infinity');
    shelf.readNullTauAs('fork');
    expect(session().solve).toMatchObject({ reg: 0.9, tau1: 0.7, tau2: 0.7 });
    expect(await shelf.write('lerobot').content.text()).toContain('"tau_src": null');
  });

  it('offers no choice where it has no null, and is put away without changing the session', async () => {
    await open(picked('a.json', JSON.stringify({ algo: { ot: { reg: 0.3, tau1: 1, tau2: 2, emb_scale: 1, cost_scale: 1, heuristic: false, label: 'action' } } })));
    expect(useRun.getState().config).toMatchObject({ kind: 'robomimic', nullTau: null });
    const before = session();
    shelf.dismiss();
    shelf.readNullTauAs('hard');
    expect(useRun.getState().config).toBeNull();
    expect(session()).toBe(before);
  });

  it('is judged again after a reload, with what was changed since', async () => {
    await open(picked('train_config.json', JSON.stringify(CONFIG)));
    const before = useRun.getState().config!;
    const reload = (): void => {
      const reading = readSession(JSON.parse(writeSession(session())));
      useRun.setState(useRun.getInitialState());
      if (reading.kind === 'session') useSession.getState().replace(reading.session);
      shelf.recall();
    };
    reload();
    expect(useRun.getState().config).toEqual({ ...before, file: 'lerobot_config.json', reading: null });
    // The null τ can still be read the other way.
    shelf.readNullTauAs('hard');
    expect(session().solve).toMatchObject({ tau1: Infinity, tau2: 0.7 });
    useSession.getState().setSolve({ prior: 'diagonal' });
    reload();
    expect(useRun.getState().config?.findings.map(({ code }) => code)).toContain('hard-diagonal');
    expect(useRun.getState().config?.nullTau).toBeNull();
  });

  it('is not made up where the session came from none, or a link put something else in its place', () => {
    shelf.recall();
    expect(useRun.getState().config).toBeNull();
    for (const text of ['', '[]', '{"policy":3}']) {
      useSession.getState().replace({ ...DEFAULT_SESSION, training: { ...DEFAULT_SESSION.training, document: { format: 'lerobot', text } } });
      expect(() => shelf.recall()).not.toThrow();
    }
  });

  it('says the same of terms that are alike once', async () => {
    const twice = { ...CONFIG, ot: { ...CONFIG.ot, loss_config: { ...CONFIG.ot.loss_config, features: Array.from({ length: 3 }, () => ({ src_key: 'x', tgt_key: 'x' })) } } };
    await open(picked('a.json', JSON.stringify(twice)));
    const messages = useRun.getState().config!.findings.map(({ message }) => message);
    expect(new Set(messages).size).toBe(messages.length);
  });

  it('loses against one that was opened later, however long it takes', async () => {
    let resolve: (files: PickedFile[]) => void = () => undefined;
    const slow = shelf.openFiles(() => new Promise((settle) => (resolve = settle)));
    await open(picked('new.json', JSON.stringify(CONFIG)));
    resolve([picked('old.json', '{}')]);
    await slow;
    expect(useRun.getState()).toMatchObject({ config: { file: 'new.json' }, configError: null });
  });
});

it.each([
  ['no-ot', [picked('info.json', '{"codebase_version": "v2.1"}')]],
  ['bad-config', [picked('cut.json', '{"ot": {')]],
  ['bad-config', [picked('list.json', '[]')]],
  ['bad-config', [picked('latin.json', new Uint8Array([0x7b, 0xe9, 0x7d]))]],
  ['bad-config', []],
  ['config-too-large', [picked('huge.json', ' '.repeat(800 * 1024))]],
  ['several-configs', [picked('a.json', '{}'), picked('b.json', '{}')]],
])('what cannot be read is refused (%s), and session and findings stay', async (code, files) => {
  await open(picked('train_config.json', JSON.stringify(CONFIG)));
  const [before, config] = [session(), useRun.getState().config];
  await open(...files);
  expect(useRun.getState().configError?.code).toBe(code);
  expect(session()).toBe(before);
  expect(useRun.getState().config).toBe(config);
});

describe('what is saved', () => {
  it('is the file that came, byte for byte and by its name', async () => {
    const text = JSON.stringify(CONFIG, null, 2);
    await open(picked('mine.json', text));
    const { name, content } = shelf.write('lerobot');
    expect(name).toBe('mine.json');
    expect(await content.text()).toBe(text);
    expect(useRun.getState().exported).toMatchObject({ file: 'mine.json', difference: null });
    expect(shelf.write('robomimic').name).toBe('robomimic_config.json');
    expect(useRun.getState().exported?.notes.join(' ')).toContain('A robomimic config');
  });

  it('is a script with its arrays in one archive, with what to expect of it', async () => {
    const written = await shelf.writePotScript();
    const entries = unzipSync(new Uint8Array(await written!.content.arrayBuffer()));
    expect(Object.keys(entries).toSorted()).toEqual(['pot_script/M.npy', 'pot_script/a.npy', 'pot_script/b.npy', 'pot_script/c.npy', 'pot_script/plan.npy', 'pot_script/reproduce.py']);
    expect(new TextDecoder().decode(entries['pot_script/reproduce.py'])).toContain('sinkhorn');
    const { exported } = useRun.getState();
    expect(exported!.difference).toBeGreaterThan(0);
    expect(exported!.notes.length).toBeGreaterThan(1);
  });

  it('is nothing where there is no plan, and that is said', async () => {
    refusal = new UserError('no-data', 'A plan needs a source and a target.');
    expect(await shelf.writePotScript()).toBeNull();
    expect(useRun.getState()).toMatchObject({ configError: { code: 'no-data' }, exported: null });
  });
});

it.each([
  [true, ['train_config.json']],
  [true, ['A.JSON']],
  [true, ['a.json', 'b.json']],
  [false, ['dataset/meta/info.json']],
  [false, ['a.json', 'data.parquet']],
  [false, ['policy.onnx']],
  [false, []],
])('a drop is meant as a config: %s for %j', (meant, paths) => expect(isConfigDrop(paths.map((path) => ({ path, file: new File([], path) })))).toBe(meant));
