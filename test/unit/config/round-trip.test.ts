import { DEFAULT_TRAINING } from '../../../src/config/training.ts';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { importConfig } from '../../../src/config/import.ts';
import { otBatchSize } from '../../../src/config/imported.ts';
import { exportLerobot } from '../../../src/config/lerobot.ts';
import { exportRobomimic } from '../../../src/config/robomimic.ts';
import { DEFAULT_SESSION, type Session } from '../../../src/config/session.ts';
import type { FeatureSpec } from '../../../src/core/cost/features.ts';
import { anySession } from '../../support/session.ts';

/* import(export(x)) = x for every session that a file of the format can say, and export is a fixed point for any other. */

const LEROBOT_FILE = `{
  "dataset": {
    "repo_id": "仿真/a",
    "__proto__": {
      "lr": 1e-05
    },
    "seed": 123456789012345678901234567890
  },
  "batch_size": 100,
  "seed": null,
  "optimizer": {
    "eps": 1E-8,
    "betas": [],
    "extra": {}
  },
  "mystery": "\\u0000 quoted \\" and \\\\",
  "ot": {
    "enable": true,
    "constructor": 3,
    "batch_ratio": 0.29,
    "lambda_ot": 0.1,
    "topk_src_episodes": -1,
    "loss_config": {
      "toString": null,
      "features": [
        {
          "src_key": "observation.images.a",
          "tgt_key": "observation.images.b",
          "use_learned_embed": true,
          "note": "left camera"
        },
        {
          "term_name": null,
          "src_key": "action",
          "tgt_key": "action",
          "dim_slice": [
            0,
            8
          ],
          "weight_label": 2.5
        }
      ],
      "reg": 0.1,
      "tau_src": null,
      "tau_tgt": 0.5,
      "heuristic": false
    }
  }
}`;

const ROBOMIMIC_FILE = `{
  "algo_name": "diffusion_policy_ot",
  "experiment": {
    "name": "lift"
  },
  "train": {
    "data": [
      {
        "path": "/data/a.hdf5",
        "weight": 0.45
      }
    ],
    "ot": {
      "pair_info_path": "pair_info.json",
      "dataset_masks": {},
      "batch_size": 32,
      "shuffle": true
    },
    "batch_size": 100,
    "seed": 7
  },
  "algo": {
    "horizon": {
      "action_horizon": 8
    },
    "ot": {
      "sharpness": 10.0,
      "cutoff": 0.01,
      "window_size": 10,
      "emb_scale": 0.01,
      "cost_scale": 0.05,
      "reg": 0.1,
      "tau1": 0.05,
      "tau2": Infinity,
      "scale": 0.1,
      "heuristic": true,
      "label": "eef_pose",
      "annealing": 1.0
    }
  }
}`;

/** The nearest session that a LeRobot config can say. */
function asLerobot(session: Session): Session {
  const features = session.features.map((spec): FeatureSpec => ({ ...spec, embed: null, time_reduce: !spec.use_learned_embed ? 'flatten' : spec.src_key === 'action' ? 'first' : 'last' }));
  const { batchSize, batchRatio } = session.training;
  return {
    ...session,
    features,
    solve: { ...session.solve, prior: session.solve.prior === 'diagonal' ? 'diagonal' : 'product', normalisation: 'none' },
    batch: { ...session.batch, kind: 'random', size: otBatchSize(batchSize, batchRatio) },
    training: { ...session.training, convention: 'lerobot', document: null },
  };
}

/** The nearest session that a robomimic config can say. */
function asRobomimic(session: Session, label: 'eef_pose' | 'action', scale: number): Session {
  const key = label === 'action' ? 'actions' : 'robot0_eef_pos';
  const feature: FeatureSpec = { term_name: label, src_key: key, tgt_key: key, dim_slice: null, use_learned_embed: scale > 0, embed_name: null, weight_embed: scale, weight_label: session.features[0]?.weight_label ?? 1, term_weight: 1, time_reduce: label === 'action' ? 'first' : 'flatten', embed: null };
  return { ...asLerobot(session), features: [feature], batch: { ...session.batch, kind: 'random' }, training: { ...session.training, convention: 'robomimic', topk: null, document: null } };
}

/** Reg, τ and whatever else of one session in another: what a person does to an imported config. */
const edited = (imported: Session, edits: Session): Session => ({ ...asLerobot(edits), features: imported.features.map((spec, k) => ({ ...spec, weight_label: edits.features[k]?.weight_label ?? 3, dim_slice: edits.features[k]?.dim_slice ?? null })), training: { ...asLerobot(edits).training, document: imported.training.document } });

describe('LeRobot', () => {
  it('says any session that it can say', () => {
    fc.assert(
      fc.property(anySession, (any) => {
        const session = asLerobot(any);
        const { text } = exportLerobot(session);
        expect(importConfig(text, 'x.json', session).session).toEqual(session);
      }),
      { numRuns: 200 },
    );
  });

  it('writes any other session as the nearest, and that one again byte for byte', () => {
    fc.assert(
      fc.property(anySession, (session) => {
        const { text } = exportLerobot(session);
        const read = importConfig(text, 'x.json', session).session;
        expect(exportLerobot(read).text).toBe(text);
      }),
    );
  });

  it('keeps what nobody here knows, to the letter, and lists it', () => {
    const { session, unknown } = importConfig(LEROBOT_FILE, 'x.json');
    expect(unknown).toEqual(['mystery', 'ot.constructor', 'ot.loss_config.toString', 'ot.loss_config.features[0].note']);
    // −1 is a spelling of null.
    expect(exportLerobot(session).text).toBe(LEROBOT_FILE.replace('"topk_src_episodes": -1', '"topk_src_episodes": null'));
    expect(session.batch).toMatchObject({ size: 28, seed: 1000 });
    expect(session.solve).toMatchObject({ tau1: 0.5, tau2: 0.5, prior: 'product' });
    expect(({} as Record<string, unknown>).lr).toBeUndefined();
  });

  it('keeps it while the values change, and reads them back', () => {
    const { session: imported } = importConfig(LEROBOT_FILE.replace('"ot": {', '"policy": {"n_obs_steps": 1, "chunk_size": 1}, "ot": {').replace('"topk', '"window_size": 1, "obs_keys": [], "base_index_src": 0, "base_index_tgt": 0, "sharpness": 0, "no_window": false, "bc_src_weight": null, "normalize_bc_weights_by_ds_size": true, "topk').replace('"tau_src": null', '"tau_src": 1').replace('"seed": null', '"seed": 0').replaceAll('"weight_label": 2.5', '"weight_label": 2.5, "use_learned_embed": false').replace('"note"', '"weight_label": 1, "dim_slice": null, "note"'), 'x.json');
    fc.assert(
      fc.property(anySession, (edits) => {
        const session = edited(imported, edits);
        const { text } = exportLerobot(session);
        expect(importConfig(text, 'x.json', session).session).toEqual(session);
        for (const kept of ['"note": "left camera"', '1E-8', '"mystery"', '123456789012345678901234567890']) expect(text).toContain(kept);
      }),
    );
  });

  it('reads the windows of a policy by their names, else by LeRobot’s defaults, and writes what a person changed', () => {
    const read = (policy: string): Session => importConfig(LEROBOT_FILE.replace('"ot": {', `"policy": ${policy},\n  "ot": {`), 'x.json').session;
    const windows = ({ training: { obsSteps, actionHorizon } }: Session): number[] => [obsSteps, actionHorizon];
    expect([
      '{"type": "act"}',
      '{"type": "act", "chunk_size": 20, "n_action_steps": 5, "horizon": 3}',
      '{"type": "diffusion"}',
      '{"type": "diffusion", "n_obs_steps": 3, "horizon": 8, "n_action_steps": 4}',
      '{"type": "smolvla", "chunk_size": null}',
      '{"type": "of our own"}',
      '{"type": "of our own", "n_obs_steps": 4, "horizon": 12}',
      'null',
    ].map((policy) => windows(read(policy)))).toEqual([[1, 100], [1, 20], [2, 16], [3, 8], [1, 50], [1, 1], [4, 12], [1, 1]]);
    const session = read('{"type": "diffusion"}');
    const policyOf = (change: Partial<Session['training']>): unknown => (JSON.parse(exportLerobot({ ...session, training: { ...session.training, ...change } }).text) as { policy: unknown }).policy;
    expect(policyOf({})).toEqual({ type: 'diffusion' });
    expect(policyOf({ obsSteps: 1, actionHorizon: 32 })).toEqual({ type: 'diffusion', n_obs_steps: 1, horizon: 32 });
    for (const policy of ['3', '"act"', '[]', '{"n_obs_steps": 0}', '{"n_obs_steps": 2.5}', '{"type": "act", "chunk_size": "100"}', '{"type": "diffusion", "horizon": 1e9}', '{"n_obs_steps": -1}'])
      expect(() => read(policy), policy).toThrow(expect.objectContaining({ code: 'bad-config', message: expect.stringMatching(/^"policy(\.\w+)?" in x\.json is/) as string }));
  });

  it('keeps the unknown fields of the terms that stay, whatever their order', () => {
    const { session } = importConfig(LEROBOT_FILE, 'x.json');
    const [camera, action] = session.features as [FeatureSpec, FeatureSpec];
    const featuresOf = (features: readonly FeatureSpec[]): { src_key: string; note?: string }[] => (JSON.parse(exportLerobot({ ...session, features }).text) as { ot: { loss_config: { features: { src_key: string; note?: string }[] } } }).ot.loss_config.features;
    expect(featuresOf([action, camera])).toMatchObject([{ src_key: 'action' }, { note: 'left camera' }]);
    expect(featuresOf([action])).toEqual([expect.not.objectContaining({ note: expect.anything() })]);
    expect(featuresOf([{ ...camera, term_name: 'renamed' }])).toMatchObject([{ term_name: 'renamed', note: 'left camera' }]);
    expect(featuresOf([{ ...action, term_name: 'new', src_key: 'state' }])).toEqual([expect.not.objectContaining({ note: expect.anything() })]);
  });

  it('leaves a null τ while it means the session’s, and writes both out when it does not', () => {
    const { session } = importConfig(LEROBOT_FILE, 'x.json');
    const taus = (tau1: number, tau2: number): string[] => [...exportLerobot({ ...session, solve: { ...session.solve, tau1, tau2 } }).text.matchAll(/"tau_\w+": (\w[\w.]*)/g)].map(([, value]) => value!);
    expect(taus(0.5, 0.5)).toEqual(['null', '0.5']);
    expect(taus(2, 2)).toEqual(['null', '2.0']);
    expect(taus(2, 0.5)).toEqual(['2.0', '0.5']);
    expect(taus(Infinity, 0.5)).toEqual(['Infinity', '0.5']);
  });

  it('keeps the encoder of a term that stands in both', () => {
    const embed = { file: 'a.onnx', input: 'image', output: 'z', others: [] };
    const { session } = importConfig(LEROBOT_FILE, 'x.json');
    const mapped = { ...session, features: session.features.map((spec) => (spec.use_learned_embed ? { ...spec, embed } : spec)) };
    expect(importConfig(exportLerobot(mapped).text, 'x.json', mapped).session).toEqual(mapped);
  });

  it('finds a ratio for a batch that was resized', () => {
    const { session } = importConfig(LEROBOT_FILE, 'x.json');
    for (let size = 1; size <= 100; size++) {
      const { text, findings } = exportLerobot({ ...session, batch: { ...session.batch, size } });
      expect(importConfig(text, 'x.json').session.batch.size).toBe(size);
      expect(findings.map(({ code }) => code)).toEqual(size === 28 ? [] : ['batch-ratio']);
    }
  });

  it('says what it cannot say', () => {
    const { findings } = exportLerobot({ ...DEFAULT_SESSION, training: DEFAULT_TRAINING, solve: { ...DEFAULT_SESSION.solve, prior: 'soft', normalisation: 'std' }, batch: { ...DEFAULT_SESSION.batch, kind: 'ranges' } });
    expect(findings.map(({ code }) => code)).toEqual(['not-written', 'not-written', 'not-written', 'not-written', 'not-written', 'incomplete']);
    for (const { message } of findings) expect(message).toMatch(/^[A-Z].*\.$/);
  });

  it('survives whatever a link put in the place of the file', () => {
    for (const text of ['', '[]', 'NaN', '{"ot":3}', '{"ot":{"loss_config":{"features":{"a":1}}}}', '{"ot":{"loss_config":{"features":[3,{}]}}}', '{'.repeat(100)]) {
      const session = { ...asLerobot(DEFAULT_SESSION), training: { ...DEFAULT_SESSION.training, convention: 'lerobot' as const, document: { format: 'lerobot' as const, text } } };
      const read = importConfig(exportLerobot(session).text, 'x.json', session).session;
      expect({ ...read, training: { ...read.training, document: null } }).toEqual({ ...session, training: { ...session.training, document: null } });
    }
  });
});

describe('robomimic', () => {
  it('says any session that it can say', () => {
    fc.assert(
      fc.property(anySession, fc.constantFrom('eef_pose' as const, 'action' as const), fc.double({ min: 0, max: 1e9, noNaN: true }), (any, label, scale) => {
        const session = asRobomimic(any, label, scale + 0);
        const { text } = exportRobomimic(session);
        expect(importConfig(text, 'x.json', session).session).toEqual(session);
      }),
      { numRuns: 200 },
    );
  });

  it('writes any other session as the nearest, and that one again byte for byte', () => {
    fc.assert(
      fc.property(anySession, (any) => {
        // Weights are products here, and a product can leave the limits.
        const session = { ...any, features: any.features.map((spec) => ({ ...spec, term_weight: 1 })) };
        const { text } = exportRobomimic(session);
        const read = importConfig(text, 'x.json', session).session;
        expect(exportRobomimic(read).text).toBe(text);
      }),
    );
  });

  it('keeps what nobody here knows, and lists it', () => {
    const { kind, session, unknown, findings } = importConfig(ROBOMIMIC_FILE, 'x.json');
    expect(kind).toBe('robomimic');
    expect(unknown).toEqual(['algo.ot.annealing', 'train.ot.shuffle']);
    expect(exportRobomimic(session)).toEqual({ text: ROBOMIMIC_FILE, findings: [] });
    expect(session.solve).toMatchObject({ reg: 0.1, tau1: 0.05, tau2: Infinity, prior: 'diagonal' });
    expect(session.features).toMatchObject([{ src_key: 'robot0_eef_pos', weight_embed: 0.01, weight_label: 0.05, use_learned_embed: true }]);
    expect(session.training).toMatchObject({ convention: 'robomimic', sharpness: 10, cutoff: 0.01, window: 10, lambda: 0.1, batchSize: 100 });
    expect(session.batch).toMatchObject({ size: 32, seed: 7 });
    expect(findings.map(({ code }) => code)).toEqual(['assumed-default', 'hard-diagonal', 'time-windows', 'time-reduce', 'window-diagonal', 'weights-saturate']);
  });

  it.each([
    ['ot_params', '{"ot_params": {"reg": 1, "tau1": 2, "tau2": 3, "odd": 1}}', 'ot_params.odd'],
    ['train.ot', '{"train": {"ot": {"reg": 1, "tau1": 2, "tau2": 3, "odd": 1}}}', 'train.ot.odd'],
    ['bare', '{"reg": 1, "tau1": 2, "tau2": 3, "odd": 1}', 'odd'],
  ])('finds its parameters in %s', (_, text, unknown) => {
    const read = importConfig(text, 'x.json');
    expect(read).toMatchObject({ kind: 'robomimic', unknown: [unknown], session: { solve: { reg: 1, tau1: 2, tau2: 3 } } });
    expect(importConfig(exportRobomimic(read.session).text, 'x.json').session).toEqual(read.session);
  });

  it('reads the horizons of its policy, and keeps them in the file', () => {
    const file = (horizon: string): string => ROBOMIMIC_FILE.replace('"action_horizon": 8', horizon);
    const { session } = importConfig(file('"observation_horizon": 3,\n      "prediction_horizon": 12'), 'x.json');
    expect(session.training).toMatchObject({ obsSteps: 3, actionHorizon: 12 });
    expect(exportRobomimic(session).text).toBe(file('"observation_horizon": 3,\n      "prediction_horizon": 12'));
    expect(importConfig(ROBOMIMIC_FILE, 'x.json').session.training).toMatchObject({ obsSteps: 2, actionHorizon: 16 });
  });

  it('becomes a LeRobot config, and back, with its numbers', () => {
    const { session } = importConfig(ROBOMIMIC_FILE, 'x.json');
    const there = importConfig(exportLerobot(session).text, 'x.json', session).session;
    expect(there.solve).toEqual(session.solve);
    expect(there.batch).toEqual(session.batch);
    const back = importConfig(exportRobomimic(there).text, 'x.json', there).session;
    expect(back.solve).toEqual(session.solve);
    expect(back.features).toEqual(session.features);
  });
});
