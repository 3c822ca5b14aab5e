import * as fc from 'fast-check';
import { BUILTIN_ENCODERS, SESSION_LIMITS, SESSION_VERSION, type BatchSettings, type DataRef, type EncoderRef, type Session, type SolveSettings } from '../../src/config/session.ts';
import { POLICY_LIMITS, type PolicySettings } from '../../src/config/policy.ts';
import { PAIRING_LIMITS, type PairingRef } from '../../src/config/pairing.ts';
import { TRAINING_LIMITS, type TrainingSettings } from '../../src/config/training.ts';
import type { FeatureSpec } from '../../src/core/cost/features.ts';

interface Limits {
  readonly low: number;
  readonly high: number;
}

const number = ({ low, high }: Limits): fc.Arbitrary<number> => fc.oneof(fc.constantFrom(low, high), fc.double({ min: low, max: high, noNaN: true })).map((value) => value + 0);
const tau = fc.oneof(fc.constant(Infinity), number(SESSION_LIMITS.tau));
/** Anything a text box can hold, names that objects are born with among them. */
const text = fc.oneof(fc.string({ unit: 'binary', maxLength: SESSION_LIMITS.text / 2 }), fc.constantFrom('', '__proto__', 'constructor', 'toString', 'observation.state', '仿真 数据'));

const dataRef: fc.Arbitrary<DataRef> = fc.oneof(
  fc.record({ kind: fc.constant('demo' as const), name: fc.constantFrom('sim_pick' as const, 'real_pick' as const) }),
  fc.record({ kind: fc.constant('local' as const), name: text, fingerprint: fc.string({ unit: fc.constantFrom(...'0123456789abcdef'.split('')), minLength: 64, maxLength: 64 }) }),
  fc.constant({ kind: 'none' as const }),
);

const axisIndex = fc.nat(1e6);

const embed = fc.record({ file: text, input: text, output: text, others: fc.array(fc.record({ input: text, src_key: text, tgt_key: text }), { maxLength: SESSION_LIMITS.otherInputs }) });

const encoders: fc.Arbitrary<EncoderRef[]> = fc.uniqueArray(
  fc.oneof(
    fc.record({ kind: fc.constant('builtin' as const), file: fc.constantFrom(...BUILTIN_ENCODERS) }),
    fc.record({ kind: fc.constant('local' as const), file: text.filter((name) => name !== ''), fingerprint: fc.string({ unit: fc.constantFrom(...'0123456789abcdef'.split('')), minLength: 64, maxLength: 64 }) }),
  ),
  { maxLength: SESSION_LIMITS.encoders, selector: ({ file }) => file },
);

const feature: fc.Arbitrary<FeatureSpec> = fc.record({
  term_name: text.filter((name) => name !== ''),
  src_key: text,
  tgt_key: text,
  dim_slice: fc.option(fc.tuple(axisIndex, axisIndex)),
  use_learned_embed: fc.boolean(),
  embed_name: fc.option(text),
  weight_embed: number(SESSION_LIMITS.weight),
  weight_label: number(SESSION_LIMITS.weight),
  term_weight: number(SESSION_LIMITS.weight),
  time_reduce: fc.constantFrom('flatten', 'first', 'last'),
  embed: fc.option(embed),
});

const batch: fc.Arbitrary<BatchSettings> = fc.record({
  kind: fc.constantFrom('random', 'ranges'),
  size: fc.integer({ min: SESSION_LIMITS.batchSize.low, max: SESSION_LIMITS.batchSize.high }),
  seed: fc.nat(2 ** 31 - 1),
  sourceEpisodes: text,
  targetEpisodes: text,
  sourceRanges: text,
  targetRanges: text,
});

const solve: fc.Arbitrary<SolveSettings> = fc.record({
  reg: number(SESSION_LIMITS.reg),
  tau1: tau,
  tau2: tau,
  prior: fc.constantFrom('product', 'ones', 'diagonal', 'soft', 'band'),
  softEpsilon: number(SESSION_LIMITS.softEpsilon),
  bandWidth: number(SESSION_LIMITS.bandWidth),
  mode: fc.constantFrom('fast', 'parity'),
  normalisation: fc.constantFrom('none', 'max', 'median', 'std'),
});

const document = fc.record({ format: fc.constantFrom('lerobot' as const, 'robomimic' as const), text });

const training: fc.Arbitrary<TrainingSettings> = fc.record({
  convention: fc.constantFrom('playground', 'lerobot', 'robomimic'),
  window: fc.nat(TRAINING_LIMITS.window.high),
  noWindow: fc.boolean(),
  sharpness: number(TRAINING_LIMITS.sharpness),
  cutoff: number(TRAINING_LIMITS.cutoff),
  topk: fc.option(fc.integer({ min: TRAINING_LIMITS.topk.low, max: TRAINING_LIMITS.topk.high })),
  baseIndexSource: fc.nat(TRAINING_LIMITS.baseIndex.high),
  baseIndexTarget: fc.nat(TRAINING_LIMITS.baseIndex.high),
  batchSize: fc.integer({ min: TRAINING_LIMITS.batchSize.low, max: TRAINING_LIMITS.batchSize.high }),
  batchRatio: number(TRAINING_LIMITS.batchRatio),
  lambda: number(TRAINING_LIMITS.lambda),
  alignment: fc.constantFrom('transport', 'energy'),
  bcSourceWeight: fc.option(number(TRAINING_LIMITS.share)),
  normalizeBySize: fc.boolean(),
  obsSteps: fc.integer({ min: TRAINING_LIMITS.obsSteps.low, max: TRAINING_LIMITS.obsSteps.high }),
  actionHorizon: fc.integer({ min: TRAINING_LIMITS.actionHorizon.low, max: TRAINING_LIMITS.actionHorizon.high }),
  obsKeys: fc.array(text, { maxLength: 4 }),
  document: fc.option(document),
});

const policy: fc.Arbitrary<PolicySettings> = fc.record({
  encoder: fc.option(text),
  frozen: fc.array(text, { maxLength: 4 }),
  projection: fc.option(fc.integer({ min: POLICY_LIMITS.projection.low, max: POLICY_LIMITS.projection.high })),
  action: text,
  proprio: text,
  head: fc.constantFrom('regression', 'diffusion', 'own'),
  output: text,
  hidden: fc.array(fc.integer({ min: POLICY_LIMITS.width.low, max: POLICY_LIMITS.width.high }), { maxLength: POLICY_LIMITS.layers }),
  activation: fc.constantFrom('relu', 'gelu'),
  loss: fc.constantFrom('l1', 'l2'),
  steps: fc.integer({ min: POLICY_LIMITS.steps.low, max: POLICY_LIMITS.steps.high }),
  learningRate: number(POLICY_LIMITS.learningRate),
  schedule: fc.constantFrom('constant', 'cosine'),
  warmup: fc.nat(POLICY_LIMITS.steps.high),
  weightDecay: number(POLICY_LIMITS.weightDecay),
  maxNorm: number(POLICY_LIMITS.maxNorm),
  ema: fc.boolean(),
  lambdaRamp: fc.nat(POLICY_LIMITS.steps.high),
  seed: fc.nat(POLICY_LIMITS.seed.high),
});

/** Every session that a person could have made. */
const columnKey = fc.string({ unit: 'binary', minLength: 1, maxLength: PAIRING_LIMITS.text / 2 });
const pairing: fc.Arbitrary<PairingRef> = fc.oneof(
  fc.record({ kind: fc.constantFrom('none', 'truth') }),
  fc.record({ kind: fc.constant('file'), name: text, fingerprint: fc.constant('5e'.repeat(32)) }),
  fc.record({
    kind: fc.constant('dtw'),
    features: fc.array(fc.record({ src_key: columnKey, tgt_key: columnKey, dim_slice: fc.option(fc.tuple(fc.nat(PAIRING_LIMITS.axis), fc.nat(PAIRING_LIMITS.axis))) }), { minLength: 1, maxLength: 3 }),
    band: fc.option(fc.nat(PAIRING_LIMITS.band.high)),
    formula: fc.constantFrom('path', 'norm'),
    stride: fc.integer({ min: 1, max: PAIRING_LIMITS.stride.high }),
    keep: fc.option(fc.integer({ min: 1, max: PAIRING_LIMITS.keep.high })),
  }),
);

export const anySession: fc.Arbitrary<Session> = fc.record({
  version: fc.constant(SESSION_VERSION),
  source: dataRef,
  target: dataRef,
  encoders,
  features: fc.array(feature, { maxLength: SESSION_LIMITS.terms }),
  batch,
  pairing,
  solve,
  training,
  policy,
});

/** What is out of bounds in a session, in words; empty when nothing is. */
export function beyondLimits(session: Session): string[] {
  const problems: string[] = [];
  const within = (name: string, value: unknown, { low, high }: Limits): void => {
    if (!(typeof value === 'number' && value >= low && value <= high)) problems.push(`${name} = ${String(value)}`);
  };
  const short = (name: string, value: unknown): void => {
    if (!(typeof value === 'string' && value.length <= SESSION_LIMITS.text)) problems.push(`${name} is no short text`);
  };
  const { solve: solving, batch: drawn, features } = session;
  within('reg', solving.reg, SESSION_LIMITS.reg);
  if (solving.tau1 !== Infinity) within('tau1', solving.tau1, SESSION_LIMITS.tau);
  if (solving.tau2 !== Infinity) within('tau2', solving.tau2, SESSION_LIMITS.tau);
  within('softEpsilon', solving.softEpsilon, SESSION_LIMITS.softEpsilon);
  within('bandWidth', solving.bandWidth, SESSION_LIMITS.bandWidth);
  within('size', drawn.size, SESSION_LIMITS.batchSize);
  within('seed', drawn.seed, { low: 0, high: 2 ** 31 - 1 });
  if (!Number.isInteger(drawn.size) || !Number.isInteger(drawn.seed)) problems.push('a fraction of a frame');
  for (const key of ['sourceEpisodes', 'targetEpisodes', 'sourceRanges', 'targetRanges'] as const) short(key, drawn[key]);
  if (features.length > SESSION_LIMITS.terms) problems.push(`${features.length} terms`);
  for (const spec of features) {
    for (const key of ['term_name', 'src_key', 'tgt_key'] as const) short(key, spec[key]);
    for (const key of ['weight_embed', 'weight_label', 'term_weight'] as const) within(key, spec[key], SESSION_LIMITS.weight);
  }
  const { training: carried } = session;
  for (const key of ['window', 'sharpness', 'cutoff', 'batchSize', 'batchRatio', 'lambda', 'obsSteps', 'actionHorizon'] as const) within(key, carried[key], TRAINING_LIMITS[key]);
  for (const key of ['baseIndexSource', 'baseIndexTarget'] as const) within(key, carried[key], TRAINING_LIMITS.baseIndex);
  if (carried.topk !== null) within('topk', carried.topk, TRAINING_LIMITS.topk);
  if (carried.bcSourceWeight !== null) within('bcSourceWeight', carried.bcSourceWeight, TRAINING_LIMITS.share);
  if (carried.obsKeys.length > TRAINING_LIMITS.obsKeys) problems.push(`${carried.obsKeys.length} keys`);
  for (const key of carried.obsKeys) short('obsKeys', key);
  if (carried.document && carried.document.text.length > TRAINING_LIMITS.document) problems.push('a long document');
  if (session.encoders.length > SESSION_LIMITS.encoders) problems.push(`${session.encoders.length} encoders`);
  for (const { file } of session.encoders) short('file', file);
  for (const { embed: named } of features) for (const name of named ? [named.file, named.input, named.output] : []) short('embed', name);
  for (const ref of [session.source, session.target]) if (ref.kind === 'local') short('name', ref.name);
  return problems;
}
