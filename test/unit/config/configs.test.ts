import { execFile } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { importConfig } from '../../../src/config/import.ts';
import { exportLerobot } from '../../../src/config/lerobot.ts';
import { sessionFromHash, sessionToHash } from '../../../src/config/share.ts';

/* The configs that people have, and the command that reads them. */

const ROOT = resolve(import.meta.dirname, '../../..');
const FOLDER = join(process.env.OT_SHARED ?? join(ROOT, '../shared'), 'data/ot_train_configs');
const there = existsSync(FOLDER);
const files = there ? readdirSync(FOLDER).filter((name) => name.endsWith('.json')).toSorted() : [];
const textOf = (name: string): string => readFileSync(join(FOLDER, name), 'utf8');

/** In how many of the 27 files something is questionable, and in which where they are few. */
const EXPECTED: Readonly<Record<string, number>> = {
  'hard-diagonal': 27,
  'mass-collapse': 27,
  'pot-breaks': 27,
  'time-reduce': 27,
  'time-windows': 26,
  'small-batch': 27,
  'window-diagonal': 23,
  'sharpness-scale': 15,
  'embed-name-ignored': 1,
  'slice-not-embedding': 1,
  'generic-key': 1,
};

describe.skipIf(!there)('the 27 public configs (shared/data/ot_train_configs)', () => {
  it('are all here', () => expect(files).toHaveLength(27));

  it('say what is questionable in them', () => {
    const counts: Record<string, number> = {};
    for (const name of files) for (const code of new Set(importConfig(textOf(name), name).findings.map((finding) => finding.code))) counts[code] = (counts[code] ?? 0) + 1;
    expect(counts).toEqual(EXPECTED);
  });

  it('are told apart where they differ', () => {
    const having = (code: string): string[] => files.filter((name) => importConfig(textOf(name), name).findings.some((finding) => finding.code === code));
    expect(files.filter((name) => !having('window-diagonal').includes(name)).every((name) => name.includes('_w0_'))).toBe(true);
    expect([having('embed-name-ignored'), having('slice-not-embedding'), having('generic-key')]).toEqual([['act_fr3_ot.json'], ['act_fr3_ot.json'], ['diffusion_fr3_ot.json']]);
  });

  /** What else the code looks for, put into a real file by hand: one change, one finding more. */
  const PLANTED: readonly [code: string, file: string, from: string | RegExp, to: string][] = [
    ['term-weight-ignored', 'act_ot_reg_sweep_A.json', '"term_name": "img_ee"', '"term_weight": 0.5, "term_name": "img_ee"'],
    ['tau-both-null', 'act_ot_reg_sweep_A.json', /"tau_(src|tgt)": [\d.]+/g, '"tau_$1": null'],
    ['tau-one-null', 'act_ot_reg_sweep_A.json', /"tau_src": [\d.]+/, '"tau_src": null'],
    ['cameras-unweighted', 'act_ot_reg_sweep_A.json', /"weight_embed": 0\.3333/g, '"weight_embed": 1.0'],
    ['base-index', 'act_ot_reg_sweep_A.json', '"base_index_src": 0', '"base_index_src": 1'],
    ['sharpness-scale', 'act_ot_reg_sweep_A.json', '"window_size": 10', '"window_size": 10, "sharpness": 0.75'],
    ['weights-saturate', 'act_ot_reg_sweep_A.json', '"window_size": 10', '"window_size": 10, "sharpness": 50'],
    ['no-window', 'act_ot_reg_sweep_A.json', '"window_size": 10', '"window_size": 10, "no_window": true'],
    ['reference-measure', 'act_ot_reg_sweep_A.json', '"heuristic": true', '"heuristic": false'],
    ['key-not-loaded', 'act_ot_reg_sweep_A.json', /"observation\.images\.side_cam_color"\s+\]/, '"observation.state"]'],
    ['embed-weight-ignored', 'act_ot_reg_sweep_A.json', '"weight_embed": 0.0', '"weight_embed": 0.3'],
    ['no-weight', 'act_ot_reg_sweep_A.json', '"weight_label": 0.02', '"weight_label": 0.0'],
    ['duplicate-terms', 'act_ot_reg_sweep_A.json', '"img_ee"', '"img_side"'],
    ['no-terms', 'act_ot_reg_sweep_A.json', /"features": \[[^]*?\n {6}\]/, '"features": []'],
    ['batch-truncated', 'act_ot_reg_sweep_A.json', /"batch_size": 8([^]*)"batch_ratio": 0\.5/, '"batch_size": 100$1"batch_ratio": 0.29'],
    ['batch-clamped', 'act_ot_reg_sweep_A.json', '"batch_size": 8', '"batch_size": 80000'],
    ['lambda-zero', 'act_ot_reg_sweep_A.json', '"lambda_ot": 0.1', '"lambda_ot": 0.0'],
    ['ot-disabled', 'act_ot_reg_sweep_A.json', /"ot": \{\s+"enable": true/, '"ot": {"enable": false'],
    ['repeated-key', 'act_ot_reg_sweep_A.json', '"window_size": 10', '"window_size": 10, "window_size": 2'],
  ];
  it.each(PLANTED)('%s is found where it is put into %s', (code, file, from, to) => {
    const codes = (text: string): string[] => importConfig(text, file).findings.map((finding) => finding.code);
    const changed = textOf(file).replace(from, to);
    expect(changed).not.toBe(textOf(file));
    expect(codes(textOf(file))).not.toContain(code);
    expect(codes(changed)).toContain(code);
  });

  it.each(files)('%s opens, fits a link, and goes back byte for byte', async (name) => {
    const text = textOf(name);
    const { kind, session, unknown } = importConfig(text, name);
    const json = JSON.parse(text) as { batch_size: number; seed: number; policy: { type: string }; ot: { batch_ratio: number; window_size: number; lambda_ot: number; loss_config: { reg: number; tau_src: number; tau_tgt: number; features: { weight_embed: number; weight_label: number; dim_slice?: number[] | null }[] } } };
    const { loss_config: loss } = json.ot;
    expect(kind).toBe('lerobot');
    expect(unknown).toEqual([]);
    expect(session.solve).toMatchObject({ reg: loss.reg, tau1: loss.tau_src, tau2: loss.tau_tgt, prior: 'diagonal' });
    expect(session.features.map(({ weight_embed, weight_label, dim_slice }) => [weight_embed, weight_label, dim_slice])).toEqual(loss.features.map((feature) => [feature.weight_embed, feature.weight_label, feature.dim_slice ?? null]));
    expect(session.batch).toMatchObject({ size: Math.trunc(json.batch_size * json.ot.batch_ratio), seed: json.seed });
    const [obsSteps, actionHorizon] = json.policy.type === 'diffusion' ? [2, 16] : [1, 100];
    expect(session.training).toMatchObject({ window: json.ot.window_size, lambda: json.ot.lambda_ot, obsSteps, actionHorizon });
    const exported = exportLerobot(session);
    expect(exported).toEqual({ text: text.trimEnd(), findings: [] });
    expect(importConfig(exported.text, name).session).toEqual(session);
    expect(await sessionFromHash(await sessionToHash(session))).toEqual({ kind: 'session', session });
  });
});

describe('inspect config', () => {
  let folder = '';
  const TSX = import.meta.resolve('tsx');
  const run = (...args: string[]): Promise<{ status: number; stdout: string; stderr: string }> =>
    new Promise((done) => {
      execFile(process.execPath, ['--import', TSX, join(ROOT, 'scripts/inspect.ts'), 'config', ...args], { cwd: folder }, (error, stdout, stderr) => done({ status: error === null ? 0 : Number(error.code), stdout, stderr }));
    });
  const CONFIG = { ot: { enable: true, mystery: 1, loss_config: { features: [{ src_key: 'action', tgt_key: 'action' }], tau_src: null, tau_tgt: 0.5 } } };
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'configs-'));
    await writeFile(join(folder, 'cfg.json'), JSON.stringify(CONFIG));
    await writeFile(join(folder, 'latin.json'), Uint8Array.of(0x22, 0xe4, 0x22));
    await writeFile(join(folder, 'huge.json'), new Uint8Array(2 ** 20).fill(0x20));
  });
  afterAll(async () => rm(folder, { recursive: true }));

  it('prints the session with ∞ as a text, findings and unknown fields', async () => {
    const { status, stdout } = await run('cfg.json', '--null-tau', 'hard');
    expect(status).toBe(0);
    const answer = JSON.parse(stdout.trim().split('\n').at(-1)!) as { findings: { code: string }[] };
    expect(answer).toMatchObject({ kind: 'lerobot', unknown: ['ot.mystery'], session: { version: 4, solve: { reg: 0.01, tau1: 'inf', tau2: 0.5, prior: 'product' } } });
    expect(answer.findings.map(({ code }) => code)).toContain('tau-one-null');
  });

  it.each([
    [['none.json'], /^none\.json cannot be read\. Name an existing \.json file\.$/],
    [['.'], /^\. cannot be read/],
    [['latin.json'], /^latin\.json is no text in UTF-8/],
    [['huge.json'], /^huge\.json has 1 MB; a training config has a few kilobytes/],
    [[], /^inspect config takes one path/],
    [['cfg.json', '--null-tau', 'soft'], /^--null-tau is "soft"; it must be fork or hard\.$/],
  ])('%j ends with one sentence', async (args, sentence) => {
    const { status, stdout, stderr } = await run(...args);
    expect(status).toBeGreaterThan(0);
    expect(stdout).toBe('');
    expect(stderr.trimEnd()).toMatch(sentence);
    expect(stderr.trimEnd()).not.toContain('\n');
  });
});
