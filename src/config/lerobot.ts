import type { FeatureSpec, TimeReduce } from '../core/cost/features.ts';
import { otBatchSize, templateOf, unsaid, documentOf, withSettings, type ConfigSettings, type ExportedConfig, type Finding, type ImportedConfig, type NullTau } from './imported.ts';
import { findingsOf } from './findings.ts';
import { floatNumber, joinPath, printJson, type Json, type JsonObject } from './json.ts';
import { lerobotWindows } from './policy-windows.ts';
import { DEFAULT_SOLVE, SESSION_LIMITS, type Session } from './session.ts';
import { BLANK, blankField, flagField, nullAsAbsent, numberAt, numberField, objectAt, optionalNumberField, optionalTextField, optionalWholeField, putField, readField, refuse, setAt, sliceField, textField, textsField, unknownKeys, valueAt, wholeField, type Field, type Place } from './template.ts';
import { TRAINING_LIMITS } from './training.ts';

/* A LeRobot train config and its fork's `ot` block (OTConfig, OTLossConfig, OTFeatureSpec; their defaults are here). */

const LOSS = ['ot', 'loss_config'] as const;
const FEATURES = [...LOSS, 'features'] as const;

const FIELDS = {
  batchSize: wholeField(['batch_size'], TRAINING_LIMITS.batchSize, 8),
  seed: nullAsAbsent(wholeField(['seed'], SESSION_LIMITS.seed, 1000)),
  batchRatio: numberField(['ot', 'batch_ratio'], TRAINING_LIMITS.batchRatio, 0.5),
  lambda: numberField(['ot', 'lambda_ot'], TRAINING_LIMITS.lambda, 1),
  obsKeys: textsField(['ot', 'obs_keys'], TRAINING_LIMITS.text, TRAINING_LIMITS.obsKeys, ['observation.state']),
  baseIndexSource: wholeField(['ot', 'base_index_src'], TRAINING_LIMITS.baseIndex, 0),
  baseIndexTarget: wholeField(['ot', 'base_index_tgt'], TRAINING_LIMITS.baseIndex, 0),
  // The fork takes −1 for "none" in both.
  window: wholeField(['ot', 'window_size'], TRAINING_LIMITS.window, 0, [-1]),
  topk: optionalWholeField(['ot', 'topk_src_episodes'], TRAINING_LIMITS.topk, [-1]),
  sharpness: numberField(['ot', 'sharpness'], TRAINING_LIMITS.sharpness, 0),
  noWindow: flagField(['ot', 'no_window'], false),
  bcSourceWeight: optionalNumberField(['ot', 'bc_src_weight'], TRAINING_LIMITS.share),
  normalizeBySize: flagField(['ot', 'normalize_bc_weights_by_ds_size'], true),
  reg: numberField([...LOSS, 'reg'], SESSION_LIMITS.reg, 0.01),
  heuristic: flagField([...LOSS, 'heuristic'], false),
};
/** Read for what is to be said of it, and kept as it is. */
const ENABLED = flagField(['ot', 'enable'], false);
const TAU = { tau1: tauField('tau_src'), tau2: tauField('tau_tgt') };

const SPEC = {
  src_key: textField(['src_key'], SESSION_LIMITS.text),
  tgt_key: textField(['tgt_key'], SESSION_LIMITS.text),
  dim_slice: sliceField(['dim_slice'], SESSION_LIMITS.axisIndex),
  use_learned_embed: flagField(['use_learned_embed'], false),
  embed_name: optionalTextField(['embed_name'], SESSION_LIMITS.text),
  weight_embed: numberField(['weight_embed'], SESSION_LIMITS.weight, 1),
  weight_label: numberField(['weight_label'], SESSION_LIMITS.weight, 1),
  // Both null and "" mean src_key.
  term_name: nullAsAbsent(textField(['term_name'], SESSION_LIMITS.text, '')),
  term_weight: numberField(['term_weight'], SESSION_LIMITS.weight, 1),
};

/** Everything that is known, in the order in which the fork's configs write it. */
const FORM =
  '{"batch_size":0,"seed":0,"policy":{"n_obs_steps":0,"chunk_size":0},"ot":{"enable":true,"batch_ratio":0,"lambda_ot":0,"obs_keys":0,"base_index_src":0,"base_index_tgt":0,"window_size":0,"loss_config":{"features":[],"reg":0,"tau_src":0,"tau_tgt":0,"heuristic":0},"sharpness":0,"no_window":0,"topk_src_episodes":0,"bc_src_weight":0,"normalize_bc_weights_by_ds_size":0}}';
const SPEC_KEYS = Object.keys(SPEC) as (keyof typeof SPEC)[];

const KNOWN = {
  // TrainPipelineConfig; what is not read here goes back as it came.
  top: new Set('dataset env policy ot output_dir job_name resume seed num_workers batch_size steps eval_freq log_freq save_checkpoint save_freq use_policy_training_preset optimizer scheduler eval wandb checkpoint_path rename_map'.split(' ')),
  ot: new Set(['enable', 'src_repo_id', 'src_root', 'pair_info_path', 'loss_config', ...Object.values(FIELDS).flatMap(({ path }) => (path[0] === 'ot' && path.length === 2 ? [path[1]!] : []))]),
  loss: new Set(['features', 'reg', 'heuristic', 'tau_src', 'tau_tgt']),
  feature: new Set<string>(SPEC_KEYS),
};

/** A τ: a number, null, or Python's Infinity. */
function tauField(key: string): Field<number | null> {
  return {
    path: [...LOSS, key],
    nullable: false,
    read: (value, at) => (value === undefined || value === null ? null : numberAt(value, at, SESSION_LIMITS.tau)),
    write: (value) => (value === null ? null : floatNumber(value)),
  };
}

/** The fork flattens time for labels, and embeds the last observation step and the first action step. */
const forkTimeReduce = (spec: Pick<FeatureSpec, 'use_learned_embed' | 'src_key'>): TimeReduce => (!spec.use_learned_embed ? 'flatten' : spec.src_key === 'action' ? 'first' : 'last');

function readFeature(value: Json, at: Place): FeatureSpec {
  if (!(value instanceof Map)) return refuse(at, value, 'an object such as {"src_key": "action", "tgt_key": "action"}');
  const of = <T>(field: Field<T>): T => readField(value, field, at.file, at.path);
  const spec = { use_learned_embed: of(SPEC.use_learned_embed), src_key: of(SPEC.src_key) };
  const name = of(SPEC.term_name) || spec.src_key;
  if (name === '') return refuse({ ...at, path: joinPath(at.path, 'term_name') }, '', 'a name, or src_key must be a key');
  return {
    term_name: name,
    src_key: spec.src_key,
    tgt_key: of(SPEC.tgt_key),
    dim_slice: of(SPEC.dim_slice),
    use_learned_embed: spec.use_learned_embed,
    embed_name: of(SPEC.embed_name),
    // Its default of 1 counts for nothing without an embedding.
    weight_embed: valueAt(value, SPEC.weight_embed.path) === undefined && !spec.use_learned_embed ? 0 : of(SPEC.weight_embed),
    weight_label: of(SPEC.weight_label),
    term_weight: of(SPEC.term_weight),
    time_reduce: forkTimeReduce(spec),
    embed: null,
  };
}

/** τ₁ and τ₂, and what is to be said of nulls: with one null the fork gives both sides the other's value. */
function readTau(root: JsonObject, file: string, nullTau: NullTau): { tau1: number; tau2: number; findings: Finding[] } {
  const tau1 = readField(root, TAU.tau1, file);
  const tau2 = readField(root, TAU.tau2, file);
  if (tau1 !== null && tau2 !== null) return { tau1, tau2, findings: [] };
  const hard = nullTau === 'hard';
  if (tau1 === null && tau2 === null)
    return {
      tau1: hard ? Infinity : DEFAULT_SOLVE.tau1,
      tau2: hard ? Infinity : DEFAULT_SOLVE.tau2,
      findings: [{ code: 'tau-both-null', message: `tau_src and tau_tgt are both null: the fork crashes on it. ${hard ? 'They are read as hard marginals (∞), as you asked.' : `They are ${DEFAULT_SOLVE.tau1} here; write numbers, or read nulls as hard marginals.`}` }],
    };
  const [empty, other, value] = tau1 === null ? ['tau_src', 'tau_tgt', tau2!] : ['tau_tgt', 'tau_src', tau1];
  return {
    tau1: hard ? (tau1 ?? Infinity) : value,
    tau2: hard ? (tau2 ?? Infinity) : value,
    findings: [{ code: 'tau-one-null', message: `${empty} is null, which the fork does not read as a hard marginal: it takes the ${value} of ${other} for both sides. ${hard ? 'It is read as ∞ here, as you asked, so the plan differs from the fork’s.' : 'So does the playground, unless you ask for nulls to be hard marginals.'}` }],
  };
}

/**
 * Read a LeRobot train config with an `ot` block.
 * @param file its name, for messages
 * @param base the session that the file changes
 * @throws UserError `bad-config`, `config-too-large`
 */
export function importLerobot(root: JsonObject, file: string, base: Session, nullTau: NullTau = 'fork'): ImportedConfig {
  const ot = objectAt(root, ['ot'], file, '{"enable": true, "loss_config": {…}}');
  const loss = objectAt(root, LOSS, file, '{"features": […], "reg": 0.1, "tau_src": 0.5, "tau_tgt": 0.5}');
  const list = loss.get('features');
  if (!Array.isArray(list)) return refuse({ file, path: FEATURES.join('.') }, list, 'a list of features');
  if (list.length > SESSION_LIMITS.terms) return refuse({ file, path: FEATURES.join('.') }, list, `a list of at most ${SESSION_LIMITS.terms} features, and not of ${list.length}`);
  const featurePath = (k: number): string => joinPath(FEATURES.join('.'), k);
  const of = <T>(field: Field<T>): T => readField(root, field, file);
  const { tau1, tau2, findings } = readTau(root, file, nullTau);
  const { batchSize, seed, batchRatio, reg, heuristic, ...training } = FIELDS;
  const policy = root.get('policy') ?? null;
  if (policy !== null && !(policy instanceof Map)) return refuse({ file, path: 'policy' }, policy, 'an object such as {"type": "act"}');
  const windows = lerobotWindows(root);
  const settings: ConfigSettings = {
    solve: { reg: of(reg), tau1, tau2, prior: of(heuristic) ? 'diagonal' : 'product' },
    features: list.map((value, k) => readFeature(value, { file, path: featurePath(k) })),
    batch: { size: otBatchSize(of(batchSize), of(batchRatio)), seed: of(seed) },
    training: {
      ...base.training,
      convention: 'lerobot',
      batchSize: of(batchSize),
      batchRatio: of(batchRatio),
      lambda: of(training.lambda),
      obsKeys: of(training.obsKeys),
      baseIndexSource: of(training.baseIndexSource),
      baseIndexTarget: of(training.baseIndexTarget),
      window: of(training.window),
      topk: of(training.topk),
      sharpness: of(training.sharpness),
      noWindow: of(training.noWindow),
      bcSourceWeight: of(training.bcSourceWeight),
      normalizeBySize: of(training.normalizeBySize),
      obsSteps: of(windows.obsSteps),
      actionHorizon: of(windows.actionHorizon),
    },
  };
  const unknown = [
    ...unknownKeys(root, KNOWN.top, ''),
    ...unknownKeys(ot, KNOWN.ot, 'ot'),
    ...unknownKeys(loss, KNOWN.loss, LOSS.join('.')),
    ...list.flatMap((value, k) => unknownKeys(value, KNOWN.feature, featurePath(k))),
  ];
  if (!of(ENABLED)) findings.push({ code: 'ot-disabled', message: 'ot.enable is not true: the fork trains without the OT loss, whatever else the block says.' });
  // Everything has been read; from here on the object becomes its own template.
  for (const field of [...Object.values(FIELDS), windows.obsSteps, windows.actionHorizon]) blankField(root, field);
  for (const field of Object.values(TAU)) {
    if (nullTau === 'hard' && valueAt(root, field.path) === null) putField(root, field, Infinity);
    blankField(root, field);
  }
  loss.set('features', blankFeatures(list));
  const session = withSettings(base, settings, documentOf(root, 'lerobot', FORM), file);
  return { kind: 'lerobot', session, findings: [...findings, ...findingsOf(session)], unknown };
}

/** Features without their values, but with the names that find them again. One that has every field and no other needs no template. */
function blankFeatures(list: readonly Json[]): Json[] {
  return list.flatMap((feature) => {
    if (!(feature instanceof Map)) return [];
    const keys = [...feature.keys()];
    const whole = keys.join(' ') === SPEC_KEYS.join(' ') && feature.get('term_name') !== '' && SPEC_KEYS.every((key) => SPEC[key].nullable || feature.get(key) !== null);
    if (whole) return [];
    for (const key of SPEC_KEYS) if (key !== 'src_key' && key !== 'tgt_key' && key !== 'term_name') blankField(feature, SPEC[key]);
    return [feature];
  });
}

/** The template of each feature, found by its name, else by its keys; features that have none get every field. */
function putFeatures(templates: readonly Json[], specs: readonly FeatureSpec[]): Json[] {
  const left = templates.filter((value): value is JsonObject => value instanceof Map);
  const chosen = new Map<FeatureSpec, JsonObject>();
  const nameOf = (template: JsonObject): Json | undefined => template.get('term_name') || template.get('src_key');
  const sameKeys = (template: JsonObject, spec: FeatureSpec): boolean => template.get('src_key') === spec.src_key && template.get('tgt_key') === spec.tgt_key;
  for (const matches of [(template: JsonObject, spec: FeatureSpec) => nameOf(template) === spec.term_name, sameKeys])
    for (const spec of specs) {
      const at = chosen.has(spec) ? -1 : left.findIndex((template) => matches(template, spec));
      if (at >= 0) chosen.set(spec, left.splice(at, 1)[0]!);
    }
  return specs.map((spec) => {
    const template = chosen.get(spec) ?? new Map<string, Json>(SPEC_KEYS.map((key) => [key, BLANK]));
    return putFeature(template, spec);
  });
}

function putFeature(template: JsonObject, spec: FeatureSpec): JsonObject {
  putField(template, SPEC.src_key, spec.src_key);
  putField(template, SPEC.tgt_key, spec.tgt_key);
  putField(template, SPEC.dim_slice, spec.dim_slice);
  putField(template, SPEC.use_learned_embed, spec.use_learned_embed);
  putField(template, SPEC.embed_name, spec.embed_name);
  putField(template, SPEC.weight_embed, spec.weight_embed, spec.use_learned_embed ? 1 : 0);
  putField(template, SPEC.weight_label, spec.weight_label);
  if (template.get('term_name') || spec.term_name !== spec.src_key) putField(template, SPEC.term_name, spec.term_name);
  putField(template, SPEC.term_weight, spec.term_weight);
  return template;
}

/**
 * The session as a LeRobot train config: the file that it came from with the session's values, or a form of every known
 * field. importLerobot reads it back to the same session, but for what the findings list.
 */
export function exportLerobot(session: Session): ExportedConfig {
  const root = templateOf(session, 'lerobot', FORM);
  const { solve, training, batch } = session;
  const batchRatio = ratioFor(training.batchSize, training.batchRatio, batch.size);
  const values = { ...training, batchRatio, seed: batch.seed, reg: solve.reg, heuristic: solve.prior === 'diagonal' };
  for (const key of Object.keys(FIELDS) as (keyof typeof FIELDS)[]) putField<unknown>(root, FIELDS[key], values[key]);
  const windows = lerobotWindows(root);
  putField(root, windows.obsSteps, training.obsSteps);
  putField(root, windows.actionHorizon, training.actionHorizon);
  putTau(root, solve);
  setAt(root, FEATURES, putFeatures(listAt(valueAt(root, FEATURES)), session.features));
  const findings = unsaid(session, 'LeRobot');
  for (const spec of session.features)
    if (spec.time_reduce !== forkTimeReduce(spec)) findings.push({ code: 'not-written', message: `A LeRobot config cannot say that "${spec.term_name}" takes ${spec.time_reduce === 'flatten' ? 'all steps' : `the ${spec.time_reduce} step`} of time; the fork ${forkTimeReduce(spec) === 'flatten' ? 'flattens all' : `takes the ${forkTimeReduce(spec)}`}.` });
  if (training.convention === 'robomimic') findings.push({ code: 'not-written', message: 'A LeRobot config cannot say robomimic’s logistic episode weights: sharpness is written without its cutoff and means exp(−sharpness·d) there.' });
  if (batchRatio !== training.batchRatio) findings.push({ code: 'batch-ratio', message: `batch_ratio is written as ${batchRatio}, so that int(${training.batchSize}·batch_ratio) is this session's batch of ${batch.size}.` });
  if (!root.has('dataset')) findings.push({ code: 'incomplete', message: 'This is a batch size, a seed, the windows of a policy and an ot block: add dataset, policy.type, ot.src_repo_id and ot.pair_info_path before training with it.' });
  return { text: printJson(root), findings };
}

const listAt = (value: Json | undefined): readonly Json[] => (Array.isArray(value) ? value : []);

/** A null of the template stays while the fork's reading of it gives the session's values. */
function putTau(root: JsonObject, { tau1, tau2 }: Session['solve']): void {
  const absent = (field: Field<number | null>): boolean => (valueAt(root, field.path) ?? null) === null;
  const [absent1, absent2] = [absent(TAU.tau1), absent(TAU.tau2)];
  const kept = absent1 && absent2 ? tau1 === DEFAULT_SOLVE.tau1 && tau2 === DEFAULT_SOLVE.tau2 : tau1 === tau2;
  if (!(absent1 && kept)) putField(root, TAU.tau1, tau1);
  if (!(absent2 && kept)) putField(root, TAU.tau2, tau2);
}

/** The ratio if it gives that OT batch, else one near size/B that does: int(B·(size/B)) may round down to size − 1. */
function ratioFor(batchSize: number, ratio: number, size: number): number {
  return [ratio, size / batchSize, (size + 0.5) / batchSize].find((candidate) => otBatchSize(batchSize, candidate) === size)!;
}
