import type { FeatureSpec } from '../core/cost/features.ts';
import { findingsOf } from './findings.ts';
import { documentOf, otBatchSize, templateOf, unsaid, withSettings, type ConfigSettings, type ExportedConfig, type Finding, type ImportedConfig } from './imported.ts';
import { printJson, type JsonObject } from './json.ts';
import { ROBOMIMIC_WINDOWS } from './policy-windows.ts';
import { SESSION_LIMITS, type Session } from './session.ts';
import { blankField, flagField, nullAsAbsent, numberField, putField, readField, textField, unknownKeys, valueAt, wholeField, type Field, type Path } from './template.ts';
import { TRAINING_LIMITS } from './training.ts';

/* A config of robomimic's ot-sim2real fork: `algo.ot` and `train.ot`, or the `ot_params` that its training is given. */

/** Where the parameters may stand, in the order in which they are looked for. */
const PLACES: readonly Path[] = [['algo', 'ot'], ['ot_params'], ['train', 'ot'], []];

const FORM =
  '{"algo_name":"diffusion_policy_ot","train":{"batch_size":0,"seed":0,"ot":{"batch_size":0}},"algo":{"horizon":{"observation_horizon":0,"prediction_horizon":0},"ot":{"sharpness":0,"cutoff":0,"window_size":0,"no_window":0,"emb_scale":0,"cost_scale":0,"reg":0,"tau1":0,"tau2":0,"scale":0,"heuristic":0,"label":0}}}';

/** Which column a label is, and which steps of it count. */
const LABELS = { eef_pose: { key: 'robot0_eef_pos', time_reduce: 'flatten' }, action: { key: 'actions', time_reduce: 'first' } } as const;

/** Its configs are written whole, with null for what a run does not use. */
const TRAIN = {
  batchSize: nullAsAbsent(wholeField(['train', 'batch_size'], TRAINING_LIMITS.batchSize, 100)),
  seed: nullAsAbsent(wholeField(['train', 'seed'], SESSION_LIMITS.seed, 1)),
  otBatch: nullAsAbsent(wholeField(['train', 'ot', 'batch_size'], TRAINING_LIMITS.batchSize, 32)),
};

const fieldsAt = (place: Path) => ({
  ...TRAIN,
  ...ROBOMIMIC_WINDOWS,
  sharpness: nullAsAbsent(numberField([...place, 'sharpness'], TRAINING_LIMITS.sharpness, 50)),
  cutoff: nullAsAbsent(numberField([...place, 'cutoff'], TRAINING_LIMITS.cutoff, 0.001)),
  window: nullAsAbsent(wholeField([...place, 'window_size'], TRAINING_LIMITS.window, 0)),
  noWindow: nullAsAbsent(flagField([...place, 'no_window'], false)),
  embScale: nullAsAbsent(numberField([...place, 'emb_scale'], SESSION_LIMITS.weight, 1)),
  costScale: nullAsAbsent(numberField([...place, 'cost_scale'], SESSION_LIMITS.weight, 1)),
  reg: numberField([...place, 'reg'], SESSION_LIMITS.reg),
  tau1: numberField([...place, 'tau1'], SESSION_LIMITS.tau),
  tau2: numberField([...place, 'tau2'], SESSION_LIMITS.tau),
  lambda: nullAsAbsent(numberField([...place, 'scale'], TRAINING_LIMITS.lambda, 1)),
  heuristic: nullAsAbsent(flagField([...place, 'heuristic'], false)),
  label: nullAsAbsent(textField([...place, 'label'], SESSION_LIMITS.text, 'action')),
});

type Fields = ReturnType<typeof fieldsAt>;

const KNOWN = {
  top: new Set(['algo_name', 'experiment', 'train', 'algo', 'observation', 'meta', 'ot_params']),
  // The loader's own, which go back as they came.
  trainOt: new Set(['pair_info_path', 'dataset', 'dataset_masks', 'batch_size']),
};

/** Where the parameters stand, or null: whatever holds a reg and one of its companions. */
export function robomimicPlace(root: JsonObject): Path | null {
  return (
    PLACES.find((place) => {
      const value = valueAt(root, place);
      return value instanceof Map && value.has('reg') && ['tau1', 'tau2', 'emb_scale', 'cost_scale'].some((key) => value.has(key));
    }) ?? null
  );
}

/** The one feature that `label`, `emb_scale` and `cost_scale` are. Its encoder is fed every observation. */
function featureOf(label: keyof typeof LABELS, embScale: number, costScale: number): FeatureSpec {
  const { key, time_reduce } = LABELS[label];
  return { term_name: label, src_key: key, tgt_key: key, dim_slice: null, use_learned_embed: embScale > 0, embed_name: null, weight_embed: embScale, weight_label: costScale, term_weight: 1, time_reduce, embed: null };
}

/**
 * Read a robomimic config.
 * @param place where its parameters stand (`robomimicPlace`)
 * @throws UserError `bad-config`, `config-too-large`
 */
export function importRobomimic(root: JsonObject, place: Path, file: string, base: Session): ImportedConfig {
  const fields = fieldsAt(place);
  const of = <T>(field: Field<T>): T => readField(root, field, file);
  const findings: Finding[] = [];
  const written = of(fields.label);
  const label = written === 'eef_pose' ? 'eef_pose' : 'action';
  if (written !== label) findings.push({ code: 'label-is-action', message: `label = "${written}" is not eef_pose, and everything else means the first action step to robomimic.` });
  const assumed = (Object.keys(fields) as (keyof Fields)[]).filter((key) => (valueAt(root, fields[key].path) ?? null) === null);
  if (assumed.length > 0)
    findings.push({ code: 'assumed-default', message: `${assumed.map((key) => fields[key].path.join('.')).join(', ')} ${assumed.length === 1 ? 'is' : 'are'} not given; the playground takes ${assumed.map((key) => JSON.stringify(of<unknown>(fields[key]))).join(', ')}.` });
  const settings: ConfigSettings = {
    solve: { reg: of(fields.reg), tau1: of(fields.tau1), tau2: of(fields.tau2), prior: of(fields.heuristic) ? 'diagonal' : 'product' },
    features: [featureOf(label, of(fields.embScale), of(fields.costScale))],
    batch: { size: otBatchSize(of(fields.otBatch), 1), seed: of(fields.seed) },
    training: {
      ...base.training,
      convention: 'robomimic',
      batchSize: of(fields.batchSize),
      lambda: of(fields.lambda),
      window: of(fields.window),
      noWindow: of(fields.noWindow),
      sharpness: of(fields.sharpness),
      cutoff: of(fields.cutoff),
      obsSteps: of(fields.obsSteps),
      actionHorizon: of(fields.actionHorizon),
    },
  };
  if (of(fields.otBatch) > settings.batch.size) findings.push({ code: 'batch-clamped', message: `The OT batch is ${of(fields.otBatch)}; the playground draws at most ${settings.batch.size}.` });
  const params = new Set(Object.values(fields).flatMap(({ path }) => (path.length === place.length + 1 && path.slice(0, -1).join('.') === place.join('.') ? [path.at(-1)!] : [])));
  const inPlace = (known: ReadonlySet<string>, path: Path): ReadonlySet<string> => (place.join('.') === path.join('.') ? new Set([...known, ...params]) : known);
  const unknown = [
    ...unknownKeys(root, inPlace(KNOWN.top, []), ''),
    ...(place.length > 0 && place.join('.') !== 'train.ot' ? unknownKeys(valueAt(root, place), params, place.join('.')) : []),
    ...unknownKeys(valueAt(root, ['train', 'ot']), inPlace(KNOWN.trainOt, ['train', 'ot']), 'train.ot'),
  ];
  // Everything has been read; from here on the object becomes its own template.
  for (const field of Object.values(fields)) blankField(root, field);
  const session = withSettings(base, settings, documentOf(root, 'robomimic', FORM), file);
  return { kind: 'robomimic', session, findings: [...findings, ...findingsOf(session)], unknown };
}

/**
 * The session as a robomimic config: the file that it came from with the session's values, or a form of every known field.
 * importRobomimic reads it back to the same session, but for what the findings list.
 */
export function exportRobomimic(session: Session): ExportedConfig {
  const root = templateOf(session, 'robomimic', FORM);
  const place = robomimicPlace(root) ?? PLACES[0]!;
  const fields = fieldsAt(place);
  const { solve, training, batch, features } = session;
  const findings = unsaid(session, 'robomimic');
  const [feature] = features;
  const label = feature && (feature.src_key === LABELS.eef_pose.key || feature.term_name === 'eef_pose') ? 'eef_pose' : 'action';
  const embScale = feature?.use_learned_embed ? feature.weight_embed * feature.term_weight : 0;
  const costScale = feature ? feature.weight_label * feature.term_weight : 0;
  const written = featureOf(label, embScale, costScale);
  const same = feature && (Object.keys(written) as (keyof FeatureSpec)[]).every((key) => key === 'embed' || feature[key] === written[key]);
  if (features.length !== 1 || !same) findings.push({ code: 'not-written', message: `A robomimic config has one term, an embedding of all observations with a label that is eef_pose or action: ${features.length === 1 ? 'this one is written as the nearest' : `of the ${features.length} here the first is written as the nearest`}.` });
  if (training.convention !== 'robomimic') findings.push({ code: 'not-written', message: 'A robomimic config cannot say the LeRobot fork’s episode weights exp(−sharpness·d): sharpness is written and means its logistic curve there.' });
  if (training.topk !== null) findings.push({ code: 'not-written', message: 'A robomimic config cannot say that only the nearest source episodes are drawn from.' });
  const values: { readonly [Key in keyof Fields]: unknown } = {
    batchSize: training.batchSize,
    seed: batch.seed,
    otBatch: batch.size,
    obsSteps: training.obsSteps,
    actionHorizon: training.actionHorizon,
    sharpness: training.sharpness,
    cutoff: training.cutoff,
    window: training.window,
    noWindow: training.noWindow,
    embScale,
    costScale,
    reg: solve.reg,
    tau1: solve.tau1,
    tau2: solve.tau2,
    lambda: training.lambda,
    heuristic: solve.prior === 'diagonal',
    label,
  };
  for (const key of Object.keys(fields) as (keyof Fields)[]) putField<unknown>(root, fields[key], values[key]);
  if (training.document?.format !== 'robomimic') findings.push({ code: 'incomplete', message: 'These are the OT parameters alone: add train.data, train.ot.pair_info_path, train.ot.dataset and the policy before training with it.' });
  return { text: printJson(root), findings };
}
