import type { EmbedSource, FeatureSpec } from '../core/cost/features.ts';
import type { PairingRef } from './pairing.ts';
import { DEFAULT_POLICY, type PolicySettings } from './policy.ts';
import type { SolveSettings } from './session.ts';
import { DEFAULT_TRAINING, type TrainingSettings } from './training.ts';

export type PresetName = 'toy' | 'official' | 'fork' | 'balanced' | 'diagonal';

/** Starting points that people know. Terms are set on the demo only: other data have other columns. */
export interface Preset {
  readonly solve: Pick<SolveSettings, 'reg' | 'tau1' | 'tau2' | 'prior'>;
  readonly features: readonly FeatureSpec[];
}

/** Columns that count and clock; they say nothing about the robot. */
export const BOOKKEEPING: ReadonlySet<string> = new Set(['timestamp', 'frame_index', 'episode_index', 'index', 'task_index']);

/** A label term, compared by raw values on one key of both sides. */
export function labelTerm(name: string, key: string, slice: readonly [number, number] | null, weight: number): FeatureSpec {
  return {
    term_name: name,
    src_key: key,
    tgt_key: key,
    dim_slice: slice,
    use_learned_embed: false,
    embed_name: null,
    weight_embed: 0,
    weight_label: 1,
    term_weight: weight,
    time_reduce: 'flatten',
    embed: null,
  };
}

/** A term that compares embeddings of one key of both sides. */
export function embedTerm(name: string, key: string, embed: EmbedSource, weightEmbed: number): FeatureSpec {
  return { ...labelTerm(name, key, null, 1), use_learned_embed: true, weight_embed: weightEmbed, weight_label: 0, embed };
}

export const DEMO_ENCODER = 'demo-encoder.onnx';

const demoEmbedding = (weightEmbed: number): FeatureSpec => embedTerm('embedding', 'observation.images.camera', { file: DEMO_ENCODER, input: 'image', output: 'embedding', others: [] }, weightEmbed);

/**
 * The demo's default: the camera's embedding at 1/16, since it has 16 dimensions, and the label, end effector + gripper
 * at weight 5, as two terms whose shares can be told apart.
 */
export function demoFeatures(): FeatureSpec[] {
  const key = 'observation.state';
  return [demoEmbedding(1 / 16), labelTerm('end effector', key, [0, 2], 5), labelTerm('gripper', key, [2, 3], 5)];
}

/** The demo's pairs: end effector and gripper, by the newer formula. */
export const DEMO_PAIRING: PairingRef = { kind: 'dtw', features: [{ src_key: 'observation.state', tgt_key: 'observation.state', dim_slice: [0, 3] }], formula: 'path', stride: 1, band: null, keep: null };

/** robomimic's weights on the demo's distances, of which the nearest are about 0.02; a tenth of a BC batch is of the target. */
export const DEMO_TRAINING: TrainingSettings = { ...DEFAULT_TRAINING, convention: 'robomimic', window: 2, sharpness: 150, cutoff: 0.02, bcSourceWeight: 0.9 };

/** The demo's backbone of colour filters stays as it is; what stands on it learns. */
export const DEMO_POLICY: PolicySettings = { ...DEFAULT_POLICY, frozen: ['narrow.rows', 'narrow.columns', 'wide.rows', 'wide.columns', 'bank', 'positions'] };

/**
 * - Toy: the demo's defaults.
 * - Official: ot-sim2real's published settings; emb_scale 0.01, and its label is the end effector at cost_scale 0.05.
 * - Fork: the LeRobot fork's defaults on raw embeddings, whose squared distances are not scaled down: the mass dies.
 * - Balanced, Diagonal prior: Toy with hard marginals, or with the mask that `heuristic=true` means.
 */
export const PRESETS: Readonly<Record<PresetName, Preset>> = {
  toy: { solve: { reg: 0.01, tau1: 0.05, tau2: 0.05, prior: 'product' }, features: demoFeatures() },
  official: { solve: { reg: 0.1, tau1: 0.05, tau2: 0.05, prior: 'diagonal' }, features: [demoEmbedding(0.01), labelTerm('eef_pose', 'observation.state', [0, 2], 0.05)] },
  fork: {
    solve: { reg: 0.0005, tau1: 0.01, tau2: 0.01, prior: 'diagonal' },
    features: [demoEmbedding(1), labelTerm('state', 'observation.state', null, 1)],
  },
  balanced: { solve: { reg: 0.01, tau1: Infinity, tau2: Infinity, prior: 'product' }, features: demoFeatures() },
  diagonal: { solve: { reg: 0.01, tau1: 0.05, tau2: 0.05, prior: 'diagonal' }, features: demoFeatures() },
};
