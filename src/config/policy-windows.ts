import { parseJson, type JsonObject } from './json.ts';
import { nullAsAbsent, readField, valueAt, wholeField, type Field } from './template.ts';
import { DEFAULT_TRAINING, TRAINING_LIMITS, type ConfigDocument, type TrainingSettings } from './training.ts';

/*
 * Windows in time: how many observation steps and actions a training sample holds. LeRobot's policies say it in the policy
 * block and make their delta_timestamps of it, robomimic's in algo.horizon.
 */

/** LeRobot's defaults, and the field that holds the actions of a sample. */
const POLICIES: ReadonlyMap<string, { readonly obsSteps: number; readonly actions: number; readonly key: string }> = new Map([
  ['act', { obsSteps: 1, actions: 100, key: 'chunk_size' }],
  ['diffusion', { obsSteps: 2, actions: 16, key: 'horizon' }],
  ['smolvla', { obsSteps: 1, actions: 50, key: 'chunk_size' }],
  ['pi0', { obsSteps: 1, actions: 50, key: 'chunk_size' }],
  ['pi05', { obsSteps: 1, actions: 50, key: 'chunk_size' }],
]);

export interface WindowFields {
  readonly obsSteps: Field<number>;
  readonly actionHorizon: Field<number>;
}

const field = (path: readonly string[], limits: { readonly low: number; readonly high: number }, absent: number): Field<number> => nullAsAbsent(wholeField(path, limits, absent));

/** Where a LeRobot config says them. A policy that is not known is taken for one of single frames, but for what it says. */
export function lerobotWindows(root: JsonObject): WindowFields {
  const type = valueAt(root, ['policy', 'type']);
  const policy = typeof type === 'string' ? POLICIES.get(type) : undefined;
  const says = (key: string): boolean => valueAt(root, ['policy', key]) !== undefined;
  const key = policy?.key ?? (says('horizon') && !says('chunk_size') ? 'horizon' : 'chunk_size');
  return { obsSteps: field(['policy', 'n_obs_steps'], TRAINING_LIMITS.obsSteps, policy?.obsSteps ?? 1), actionHorizon: field(['policy', key], TRAINING_LIMITS.actionHorizon, policy?.actions ?? 1) };
}

/** Where robomimic's diffusion policy says them, with its defaults. */
export const ROBOMIMIC_WINDOWS: WindowFields = {
  obsSteps: field(['algo', 'horizon', 'observation_horizon'], TRAINING_LIMITS.obsSteps, 2),
  actionHorizon: field(['algo', 'horizon', 'prediction_horizon'], TRAINING_LIMITS.actionHorizon, 16),
};

/**
 * What the file that a session came from says of windows; single frames where it came from none or the file cannot be read.
 * For sessions that were saved before windows were read.
 */
export function windowsOfDocument(document: ConfigDocument | null): Pick<TrainingSettings, 'obsSteps' | 'actionHorizon'> {
  const { obsSteps, actionHorizon } = DEFAULT_TRAINING;
  const single = { obsSteps, actionHorizon };
  if (!document) return single;
  try {
    const { value } = parseJson(document.text, '');
    if (!(value instanceof Map)) return single;
    const fields = document.format === 'lerobot' ? lerobotWindows(value) : ROBOMIMIC_WINDOWS;
    return { obsSteps: readField(value, fields.obsSteps, ''), actionHorizon: readField(value, fields.actionHorizon, '') };
  } catch {
    return single;
  }
}
