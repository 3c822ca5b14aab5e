import * as v from 'valibot';
import type { Normalisation } from '../core/cost/terms.ts';
import type { FeatureSpec } from '../core/cost/features.ts';
import type { Prior } from '../core/ot/problem.ts';
import type { Mode } from '../core/ot/solve.ts';
import { clamped, positiveOrInfinite, textUpTo, whole } from './fields.ts';
import { DEMO_ENCODER, DEMO_PAIRING, DEMO_POLICY, DEMO_TRAINING, demoFeatures } from './presets.ts';
import { policySchema, type PolicySettings } from './policy.ts';
import { pairingSchema, withFeatureList, type PairingRef } from './pairing.ts';
import { windowsOfDocument } from './policy-windows.ts';
import { DEFAULT_TRAINING, trainingSchema, type TrainingSettings } from './training.ts';

/** Where a side's data come from. Local files are known by name and hash only; they never leave the browser. */
export type DataRef =
  | { readonly kind: 'demo'; readonly name: 'sim_pick' | 'real_pick' }
  | { readonly kind: 'local'; readonly name: string; readonly fingerprint: string }
  | { readonly kind: 'none' };

/** Encoders that ship with the page. */
export const BUILTIN_ENCODERS = ['keypoints.onnx', 'mlp.onnx', 'demo-encoder.onnx'] as const;
export type BuiltinEncoder = (typeof BUILTIN_ENCODERS)[number];

/** An encoder that terms may name by `file`. Local ones are asked for again, as data are. */
export type EncoderRef = { readonly kind: 'builtin'; readonly file: BuiltinEncoder } | { readonly kind: 'local'; readonly file: string; readonly fingerprint: string };

/** Which frames are compared. Episode lists and ranges are half-open, such as "0:6, 9"; empty means all. */
export interface BatchSettings {
  /** `random`: `size` frames a side of the chosen episodes, by seed. `ranges`: the frames named, in order. */
  readonly kind: 'random' | 'ranges';
  readonly size: number;
  readonly seed: number;
  readonly sourceEpisodes: string;
  readonly targetEpisodes: string;
  readonly sourceRanges: string;
  readonly targetRanges: string;
}

export interface SolveSettings {
  readonly reg: number;
  /** Infinity is a hard marginal (written "inf" in JSON). */
  readonly tau1: number;
  readonly tau2: number;
  readonly prior: Exclude<Prior['kind'], 'dense'>;
  /** ε of the soft prior and width s of the band prior; both kept while another prior is on. */
  readonly softEpsilon: number;
  readonly bandWidth: number;
  readonly mode: Mode;
  readonly normalisation: Normalisation;
}

/** Everything that a link restores. The one schema of a session; `version` counts its shapes. */
export interface Session {
  readonly version: typeof SESSION_VERSION;
  readonly source: DataRef;
  readonly target: DataRef;
  /** By file name, each once. */
  readonly encoders: readonly EncoderRef[];
  readonly features: readonly FeatureSpec[];
  readonly batch: BatchSettings;
  /** Of a random batch. */
  readonly pairing: PairingRef;
  readonly solve: SolveSettings;
  readonly training: TrainingSettings;
  readonly policy: PolicySettings;
}

export const SESSION_VERSION = 4;

/** What a person may set, and what a link is clamped to. Sliders show the part that real configs use. */
export const SESSION_LIMITS = {
  reg: { low: 1e-12, high: 1e12, sliderLow: 1e-4, sliderHigh: 10 },
  tau: { low: 1e-12, high: 1e12, sliderLow: 1e-3, sliderHigh: 100 },
  weight: { low: 0, high: 1e9 },
  softEpsilon: { low: 1e-6, high: 1 },
  bandWidth: { low: 1e-3, high: 100 },
  batchSize: { low: 1, high: 1024 },
  terms: 16,
  encoders: 8,
  /** Inputs of one encoder, beside the first. */
  otherInputs: 16,
  axisIndex: 1e6,
  seed: { low: 0, high: 2 ** 31 - 1 },
  text: 200,
} as const;

export const DEFAULT_SOLVE: SolveSettings = { reg: 0.01, tau1: 0.05, tau2: 0.05, prior: 'product', softEpsilon: 0.1, bandWidth: 0.1, mode: 'fast', normalisation: 'none' };

export const DEFAULT_BATCH: BatchSettings = { kind: 'random', size: 64, seed: 3, sourceEpisodes: '', targetEpisodes: '', sourceRanges: '0:64', targetRanges: '0:64' };

export const DEFAULT_SESSION: Session = {
  version: SESSION_VERSION,
  source: { kind: 'demo', name: 'sim_pick' },
  target: { kind: 'demo', name: 'real_pick' },
  encoders: [{ kind: 'builtin', file: DEMO_ENCODER }],
  features: demoFeatures(),
  batch: DEFAULT_BATCH,
  pairing: DEMO_PAIRING,
  solve: DEFAULT_SOLVE,
  training: DEMO_TRAINING,
  policy: DEMO_POLICY,
};

/** The Prior that the settings stand for. */
export function priorOf(settings: SolveSettings): Prior {
  if (settings.prior === 'soft') return { kind: 'soft', epsilon: settings.softEpsilon };
  if (settings.prior === 'band') return { kind: 'band', width: settings.bandWidth };
  return { kind: settings.prior };
}

// ── Reading ─────────────────────────────────────────────────────────────────
// Unknown keys are dropped, and nothing is merged deeply (see fields.ts).

const shortText = textUpTo(SESSION_LIMITS.text);
const text = (fallback: string) => v.fallback(shortText, fallback);

const axisIndex = v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(SESSION_LIMITS.axisIndex));

const embedSchema = v.object({
  file: shortText,
  input: shortText,
  output: shortText,
  others: v.fallback(v.pipe(v.array(v.object({ input: shortText, src_key: shortText, tgt_key: shortText })), v.maxLength(SESSION_LIMITS.otherInputs)), []),
});

const featureSchema = v.object({
  term_name: v.pipe(v.string(), v.minLength(1), v.maxLength(SESSION_LIMITS.text)),
  src_key: shortText,
  tgt_key: shortText,
  dim_slice: v.fallback(v.nullable(v.tuple([axisIndex, axisIndex])), null),
  use_learned_embed: v.fallback(v.boolean(), false),
  embed_name: v.fallback(v.nullable(shortText), null),
  weight_embed: clamped(SESSION_LIMITS.weight, 0),
  weight_label: clamped(SESSION_LIMITS.weight, 1),
  term_weight: clamped(SESSION_LIMITS.weight, 1),
  time_reduce: v.fallback(v.picklist(['flatten', 'first', 'last']), 'flatten'),
  embed: v.fallback(v.nullable(embedSchema), null),
});

/** A list keeps the entries that can be read and drops the rest. */
const features = v.pipe(
  v.array(v.unknown()),
  v.transform((entries) =>
    entries
      .flatMap((entry): FeatureSpec[] => {
        const parsed = v.safeParse(featureSchema, entry);
        return parsed.success ? [parsed.output] : [];
      })
      .slice(0, SESSION_LIMITS.terms),
  ),
);

const encoderSchema = v.variant('kind', [
  v.object({ kind: v.literal('builtin'), file: v.picklist(BUILTIN_ENCODERS) }),
  v.object({ kind: v.literal('local'), file: v.pipe(shortText, v.minLength(1)), fingerprint: v.pipe(v.string(), v.regex(/^[0-9a-f]{64}$/)) }),
]);

const encoders = v.pipe(
  v.array(v.unknown()),
  v.transform((entries) => {
    const read = new Map<string, EncoderRef>();
    for (const entry of entries) {
      const parsed = v.safeParse(encoderSchema, entry);
      if (parsed.success && !read.has(parsed.output.file) && read.size < SESSION_LIMITS.encoders) read.set(parsed.output.file, parsed.output);
    }
    return [...read.values()];
  }),
);

const dataRef = (fallback: DataRef) =>
  v.fallback(
    v.variant('kind', [
      v.object({ kind: v.literal('demo'), name: v.picklist(['sim_pick', 'real_pick']) }),
      // The fingerprint is what finds the data again; a long file name is only cut.
      v.object({ kind: v.literal('local'), name: v.pipe(v.string(), v.transform((name) => name.slice(0, SESSION_LIMITS.text))), fingerprint: v.pipe(v.string(), v.regex(/^[0-9a-f]{64}$/)) }),
      v.object({ kind: v.literal('none') }),
    ]),
    fallback,
  );

const batchSchema = v.object({
  kind: v.fallback(v.picklist(['random', 'ranges']), DEFAULT_BATCH.kind),
  size: whole(SESSION_LIMITS.batchSize, DEFAULT_BATCH.size),
  seed: whole(SESSION_LIMITS.seed, DEFAULT_BATCH.seed),
  sourceEpisodes: text(''),
  targetEpisodes: text(''),
  sourceRanges: text(DEFAULT_BATCH.sourceRanges),
  targetRanges: text(DEFAULT_BATCH.targetRanges),
});

const solveSchema = v.object({
  reg: clamped(SESSION_LIMITS.reg, DEFAULT_SOLVE.reg),
  tau1: positiveOrInfinite(SESSION_LIMITS.tau, DEFAULT_SOLVE.tau1),
  tau2: positiveOrInfinite(SESSION_LIMITS.tau, DEFAULT_SOLVE.tau2),
  prior: v.fallback(v.picklist(['product', 'ones', 'diagonal', 'soft', 'band']), DEFAULT_SOLVE.prior),
  softEpsilon: clamped(SESSION_LIMITS.softEpsilon, DEFAULT_SOLVE.softEpsilon),
  bandWidth: clamped(SESSION_LIMITS.bandWidth, DEFAULT_SOLVE.bandWidth),
  mode: v.fallback(v.picklist(['fast', 'parity']), DEFAULT_SOLVE.mode),
  normalisation: v.fallback(v.picklist(['none', 'max', 'median', 'std']), DEFAULT_SOLVE.normalisation),
});

const sessionSchema = v.object({
  source: dataRef(DEFAULT_SESSION.source),
  target: dataRef(DEFAULT_SESSION.target),
  encoders: v.fallback(encoders, [...DEFAULT_SESSION.encoders]),
  features: v.fallback(features, [...DEFAULT_SESSION.features]),
  batch: v.fallback(batchSchema, DEFAULT_BATCH),
  pairing: v.fallback(v.nullable(pairingSchema), null),
  solve: v.fallback(solveSchema, DEFAULT_SOLVE),
  training: v.fallback(v.nullable(trainingSchema), null),
  policy: v.fallback(policySchema, DEMO_POLICY),
});

/** One step from each older version to the next; `migrations[k]` turns version k+1 into version k+2. */
const migrations: readonly ((old: Record<string, unknown>) => Record<string, unknown>)[] = [
  // Version 1 knew no encoders; its terms, which name none, keep what they mean.
  (old) => ({ ...old, encoders: [] }),
  // Version 2 knew nothing of training; the defaults say what it did.
  (old) => ({ ...old, training: DEFAULT_TRAINING }),
  // Version 3 compared episodes by one column, without a band, its demo began with the ground truth, and nothing was
  // trained. It compared single frames: a config that was imported then would now be read with its windows, and an export
  // of single frames would overwrite them in the file.
  (old) => ({ ...old, pairing: withFeatureList(old.pairing) ?? { kind: onDemo(old) ? 'truth' : 'none' }, training: withWindows(old.training) }),
];

/** Whether a record names the demo on both sides, or leaves it to the default, which is that. */
function onDemo({ source, target }: Readonly<Record<string, unknown>>): boolean {
  return [source, target].every((side) => v.parse(dataRef(DEFAULT_SESSION.source), side).kind === 'demo');
}

function withWindows(training: unknown): unknown {
  const parsed = v.safeParse(trainingSchema, training);
  return parsed.success ? { ...parsed.output, ...windowsOfDocument(parsed.output.document) } : DEFAULT_TRAINING;
}

/** What came out of reading a stored or shared session. */
export type SessionReading = { readonly kind: 'session'; readonly session: Session } | { readonly kind: 'newer'; readonly version: number } | { readonly kind: 'unreadable' };

/** Read a session of this or an older version from parsed JSON. Never throws. */
export function readSession(json: unknown): SessionReading {
  if (typeof json !== 'object' || json === null || Array.isArray(json)) return { kind: 'unreadable' };
  let record = json as Record<string, unknown>;
  const version = record.version;
  if (typeof version !== 'number' || !Number.isInteger(version) || version < 1) return { kind: 'unreadable' };
  if (version > SESSION_VERSION) return { kind: 'newer', version };
  for (const migrate of migrations.slice(version - 1)) record = migrate(record);
  const parsed = v.safeParse(sessionSchema, record);
  if (!parsed.success) return { kind: 'unreadable' };
  const { source, target, pairing, training } = parsed.output;
  const demo = onDemo({ source, target });
  return { kind: 'session', session: { version: SESSION_VERSION, ...parsed.output, pairing: pairing ?? (demo ? DEMO_PAIRING : { kind: 'none' }), training: training ?? (demo ? DEMO_TRAINING : DEFAULT_TRAINING) } };
}

/** The JSON text of a session; readSession(JSON.parse(text)) gives it back. */
export function writeSession(session: Session): string {
  return JSON.stringify(session, (_, value: unknown) => (value === Infinity ? 'inf' : value));
}
