import * as v from 'valibot';
import { clamped, clampedOrNull, textUpTo, whole, wholeOrNull } from './fields.ts';

/** The code bases whose training configs are read and written. */
type ConfigFormat = 'lerobot' | 'robomimic';

/**
 * Whose rules turn DTW distances into probabilities, and a window into frames (docs/method.md). Ours is the LeRobot
 * fork's, but that the window keeps to its episode.
 */
export type Convention = 'playground' | ConfigFormat;

/** What draws source and target together: the plan's ⟨π,M⟩, or the energy distance of the embeddings (an MMD), which knows no labels. */
export type Alignment = 'transport' | 'energy';

/** What a training config carries beside the solve, the terms and the batch: how pairs are drawn and the loss is mixed. */
export interface TrainingSettings {
  readonly convention: Convention;
  /** W in frames: how far a paired source frame may be moved. */
  readonly window: number;
  /** Draw from the whole source episode, whatever W is. */
  readonly noWindow: boolean;
  /** Episode weight of a DTW distance d: exp(−sharpness·d), or robomimic's 1/(1 + exp(sharpness·(d − cutoff))). */
  readonly sharpness: number;
  readonly cutoff: number;
  /** Only the k nearest source episodes of a target episode; null takes all. */
  readonly topk: number | null;
  /** Number of the first episode in the names of a pairing file. */
  readonly baseIndexSource: number;
  readonly baseIndexTarget: number;
  /** B of behaviour cloning. The fork's OT batch is max(1, int(B·batchRatio)). */
  readonly batchSize: number;
  readonly batchRatio: number;
  /** λ of BC + λ·⟨π,M⟩, or of BC + λ·(energy distance). */
  readonly lambda: number;
  readonly alignment: Alignment;
  /** β, the share of source samples in a BC batch; null splits it in halves, as earlier versions do. */
  readonly bcSourceWeight: number | null;
  /** Whether β is divided by the number of frames of its side. */
  readonly normalizeBySize: boolean;
  /** S: steps of observation that a sample stacks, the frame itself the last. */
  readonly obsSteps: number;
  /** H: actions that a sample holds, from 1 − S on. */
  readonly actionHorizon: number;
  /** Columns that the OT loader reads beside the action. */
  readonly obsKeys: readonly string[];
  /** The imported file as a form (see template.ts): all of it that the playground does not know, for the way back. */
  readonly document: ConfigDocument | null;
}

export interface ConfigDocument {
  readonly format: ConfigFormat;
  /** Compact JSON. */
  readonly text: string;
}

export const TRAINING_LIMITS = {
  window: { low: 0, high: 1e6 },
  sharpness: { low: 0, high: 1e9 },
  cutoff: { low: -1e9, high: 1e9 },
  topk: { low: 1, high: 1e6 },
  baseIndex: { low: 0, high: 1e6 },
  batchSize: { low: 1, high: 2 ** 20 },
  batchRatio: { low: 0, high: 1e6 },
  lambda: { low: 0, high: 1e9 },
  share: { low: 0, high: 1 },
  obsSteps: { low: 1, high: 64 },
  actionHorizon: { low: 1, high: 1024 },
  obsKeys: 64,
  text: 200,
  document: 32 * 1024,
} as const;

/** Single frames, pairs exactly as they are given, all episodes alike, an OT batch as large as the page's: what is drawn without a config. */
export const DEFAULT_TRAINING: TrainingSettings = {
  convention: 'playground',
  window: 0,
  noWindow: false,
  sharpness: 0,
  cutoff: 0.001,
  topk: null,
  baseIndexSource: 0,
  baseIndexTarget: 0,
  batchSize: 64,
  batchRatio: 1,
  lambda: 1,
  alignment: 'transport',
  bcSourceWeight: null,
  normalizeBySize: true,
  obsSteps: 1,
  actionHorizon: 1,
  obsKeys: [],
  document: null,
};

const flag = (fallback: boolean) => v.fallback(v.boolean(), fallback);

/** Reads TrainingSettings field by field. */
export const trainingSchema = v.object({
  convention: v.fallback(v.picklist(['playground', 'lerobot', 'robomimic']), DEFAULT_TRAINING.convention),
  window: whole(TRAINING_LIMITS.window, DEFAULT_TRAINING.window),
  noWindow: flag(DEFAULT_TRAINING.noWindow),
  sharpness: clamped(TRAINING_LIMITS.sharpness, DEFAULT_TRAINING.sharpness),
  cutoff: clamped(TRAINING_LIMITS.cutoff, DEFAULT_TRAINING.cutoff),
  topk: wholeOrNull(TRAINING_LIMITS.topk),
  baseIndexSource: whole(TRAINING_LIMITS.baseIndex, DEFAULT_TRAINING.baseIndexSource),
  baseIndexTarget: whole(TRAINING_LIMITS.baseIndex, DEFAULT_TRAINING.baseIndexTarget),
  batchSize: whole(TRAINING_LIMITS.batchSize, DEFAULT_TRAINING.batchSize),
  batchRatio: clamped(TRAINING_LIMITS.batchRatio, DEFAULT_TRAINING.batchRatio),
  lambda: clamped(TRAINING_LIMITS.lambda, DEFAULT_TRAINING.lambda),
  alignment: v.fallback(v.picklist(['transport', 'energy']), DEFAULT_TRAINING.alignment),
  bcSourceWeight: clampedOrNull(TRAINING_LIMITS.share),
  normalizeBySize: flag(DEFAULT_TRAINING.normalizeBySize),
  obsSteps: whole(TRAINING_LIMITS.obsSteps, DEFAULT_TRAINING.obsSteps),
  actionHorizon: whole(TRAINING_LIMITS.actionHorizon, DEFAULT_TRAINING.actionHorizon),
  obsKeys: v.fallback(v.pipe(v.array(textUpTo(TRAINING_LIMITS.text)), v.maxLength(TRAINING_LIMITS.obsKeys)), []),
  document: v.fallback(v.nullable(v.object({ format: v.picklist(['lerobot', 'robomimic']), text: textUpTo(TRAINING_LIMITS.document) })), null),
});
