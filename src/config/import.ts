import { UserError } from '../base/errors.ts';
import { parseJson } from './json.ts';
import { TAU_KEYS, type ImportedConfig, type NullTau } from './imported.ts';
import { importLerobot } from './lerobot.ts';
import { importRobomimic, robomimicPlace } from './robomimic.ts';
import { DEFAULT_SESSION, type Session } from './session.ts';

/** What a config is read onto when there is no session yet: no data, since a config names none that a browser can reach. */
const EMPTY_SESSION: Session = { ...DEFAULT_SESSION, source: { kind: 'none' }, target: { kind: 'none' }, encoders: [] };

/**
 * Read a training config of either code base.
 * @param file its name, for messages
 * @param base the session that it changes; what the file does not say (data, encoders, mode) stays
 * @throws UserError `bad-config`, `config-too-large`, `no-ot`
 */
export function importConfig(text: string, file: string, base: Session = EMPTY_SESSION, nullTau: NullTau = 'fork'): ImportedConfig {
  const { value: root, repeated } = parseJson(text, file, TAU_KEYS);
  if (!(root instanceof Map)) throw new UserError('bad-config', `${file} holds no object but a ${Array.isArray(root) ? 'list' : 'single value'}. A LeRobot train config has an "ot" block, a robomimic config algo.ot.`);
  const place = root.has('ot') ? null : robomimicPlace(root);
  if (!root.has('ot') && !place)
    throw new UserError('no-ot', `${file} says nothing of optimal transport. A LeRobot train config has an "ot" block with a loss_config, and a robomimic config reg, tau1 and tau2 in algo.ot, train.ot or ot_params.`);
  const read = place ? importRobomimic(root, place, file, base) : importLerobot(root, file, base, nullTau);
  return { ...read, findings: [...repeated.map((path) => ({ code: 'repeated-key', message: `"${path}" stands twice; the last one counts, as in Python.` })), ...read.findings] };
}
