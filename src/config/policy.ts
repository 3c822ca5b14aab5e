import * as v from 'valibot';
import { clamped, textUpTo, whole, wholeOrNull } from './fields.ts';

/** What training makes of the session: the policy on top of the encoder, and how both learn. */
export interface PolicySettings {
  /** The encoder that learns, by file; null for that of the first term that compares embeddings. */
  readonly encoder: string | null;
  /** Its initialisers that stay as they are. */
  readonly frozen: readonly string[];
  /** In place of the encoder, which then is frozen as a whole, a projection of its embedding to this many numbers learns. */
  readonly projection: number | null;
  /** Columns of both sides: the action that is cloned, and what the head is given beside the embedding ('' for nothing). */
  readonly action: string;
  readonly proprio: string;
  readonly head: HeadChoice;
  /** The output of the encoder's own file that is the action, for the head `own`. */
  readonly output: string;
  readonly hidden: readonly number[];
  readonly activation: 'relu' | 'gelu';
  readonly loss: 'l1' | 'l2';
  readonly steps: number;
  readonly learningRate: number;
  readonly schedule: 'constant' | 'cosine';
  readonly warmup: number;
  readonly weightDecay: number;
  /** Largest norm of all gradients together. */
  readonly maxNorm: number;
  /** Whether moving averages of the weights are kept, as Diffusion Policy does. */
  readonly ema: boolean;
  /** Steps in which λ rises from 0; 0 for at once. */
  readonly lambdaRamp: number;
  /** Of the head's first weights and of every draw. */
  readonly seed: number;
}

/** A chunk of actions at once (ACT), the noise in one (Diffusion Policy), or an output of the user's file. */
export type HeadChoice = 'regression' | 'diffusion' | 'own';

export const POLICY_LIMITS = {
  frozen: 4096,
  projection: { low: 1, high: 4096 },
  layers: 8,
  width: { low: 1, high: 4096 },
  steps: { low: 1, high: 1e6 },
  learningRate: { low: 1e-12, high: 1e9 },
  weightDecay: { low: 0, high: 1e3 },
  maxNorm: { low: 1e-6, high: 1e12 },
  seed: { low: 0, high: 2 ** 31 - 1 },
  text: 200,
} as const;

/** The demo's: (z, proprioception) → 64 → 64 → action with L2, 900 steps at 3e-3 under a cosine. */
export const DEFAULT_POLICY: PolicySettings = {
  encoder: null,
  frozen: [],
  projection: null,
  action: 'action',
  proprio: 'observation.state',
  head: 'regression',
  output: '',
  hidden: [64, 64],
  activation: 'relu',
  loss: 'l2',
  steps: 900,
  learningRate: 3e-3,
  schedule: 'cosine',
  warmup: 0,
  weightDecay: 0,
  maxNorm: 10,
  ema: false,
  lambdaRamp: 0,
  seed: 0,
};

const { text, frozen, layers, width } = POLICY_LIMITS;
const shortText = textUpTo(text);

/** Reads PolicySettings field by field; what it cannot read is the default. */
export const policySchema = v.object({
  encoder: v.fallback(v.nullable(shortText), null),
  frozen: v.fallback(v.pipe(v.array(shortText), v.maxLength(frozen)), []),
  projection: wholeOrNull(POLICY_LIMITS.projection),
  action: v.fallback(shortText, DEFAULT_POLICY.action),
  proprio: v.fallback(shortText, DEFAULT_POLICY.proprio),
  head: v.fallback(v.picklist(['regression', 'diffusion', 'own']), DEFAULT_POLICY.head),
  output: v.fallback(shortText, ''),
  hidden: v.fallback(v.pipe(v.array(v.pipe(v.number(), v.integer(), v.minValue(width.low), v.maxValue(width.high))), v.maxLength(layers)), [...DEFAULT_POLICY.hidden]),
  activation: v.fallback(v.picklist(['relu', 'gelu']), DEFAULT_POLICY.activation),
  loss: v.fallback(v.picklist(['l1', 'l2']), DEFAULT_POLICY.loss),
  steps: whole(POLICY_LIMITS.steps, DEFAULT_POLICY.steps),
  learningRate: clamped(POLICY_LIMITS.learningRate, DEFAULT_POLICY.learningRate),
  schedule: v.fallback(v.picklist(['constant', 'cosine']), DEFAULT_POLICY.schedule),
  warmup: whole({ low: 0, high: POLICY_LIMITS.steps.high }, 0),
  weightDecay: clamped(POLICY_LIMITS.weightDecay, DEFAULT_POLICY.weightDecay),
  maxNorm: clamped(POLICY_LIMITS.maxNorm, DEFAULT_POLICY.maxNorm),
  ema: v.fallback(v.boolean(), DEFAULT_POLICY.ema),
  lambdaRamp: whole({ low: 0, high: POLICY_LIMITS.steps.high }, 0),
  seed: whole(POLICY_LIMITS.seed, DEFAULT_POLICY.seed),
});

/** "64, 64" as widths of hidden layers, none for an empty text; null where they cannot be taken. */
export function parseWidths(written: string): number[] | null {
  const parts = written.split(/[\s,，;×x]+/).filter((part) => part !== '');
  const widths = parts.map((part) => (/^\d+$/.test(part) ? Number(part) : Number.NaN));
  return widths.length <= layers && widths.every((size) => size >= width.low && size <= width.high) ? widths : null;
}
