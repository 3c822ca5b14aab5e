import { reportError, UserError } from '../base/errors.ts';
import { quote } from '../base/words.ts';
import { lossOf } from '../gpu/errors.ts';
import { DeviceStepper } from '../training/device-stepper.ts';
import { HostStepper } from '../training/host-stepper.ts';
import type { PolicyDesign, Stepper } from '../training/stepper.ts';
import type { TrainingPlace } from './protocol.ts';
import type { TrainerPlace } from './trainer.ts';

/**
 * Who takes the steps of a run: the device of the engine's solver where there is one (so not a software adapter, unless
 * it was asked for), else the host. What the device cannot take goes to the host, and says why.
 * @param keepOff why the device is not to be tried
 * @throws UserError as `HostStepper.create`; `gpu-lost`, `encoder-hung`
 */
export async function openStepper(design: PolicyDesign, { backend, options }: Pick<TrainerPlace, 'backend' | 'options'>, keepOff: UserError | null): Promise<{ readonly stepper: Stepper; readonly runsOn: TrainingPlace }> {
  const onHost = async (reason: UserError | null): Promise<{ stepper: Stepper; runsOn: TrainingPlace }> => ({ stepper: await HostStepper.create(design, options), runsOn: { kind: 'cpu', reason: reason && reportError(reason) } });
  if (keepOff) return onHost(keepOff);
  const solver = (await backend?.solver()) ?? null;
  if (!backend || !solver) return onHost(null);
  const refusal = refusalOf(design);
  if (refusal) return onHost(refusal);
  try {
    return { stepper: await DeviceStepper.create(design, solver, options), runsOn: { kind: backend.info().kind, reason: null } };
  } catch (thrown) {
    // Of these two the runtime does not recover; everything else is about these graphs on that device.
    if (!(thrown instanceof UserError) || thrown.code === 'encoder-hung' || lossOf(solver.device) !== null) throw thrown;
    return onHost(thrown);
  }
}

/** What is known not to be stepped on a device, before anything is made there; null for all else. */
function refusalOf({ encoder: { graphs, file }, alignment }: PolicyDesign): UserError | null {
  if (alignment === 'energy') return new UserError('train-gpu-energy', 'The energy distance is computed on the CPU, so this run is stepped there; transport would be stepped on the GPU.');
  const odd = graphs.inputs.find(({ dtype }) => dtype !== 'float32');
  return odd ? new UserError('train-gpu-input', `${file} takes ${odd.dtype} at its input ${quote(odd.name)}, and training on the GPU feeds float32 alone, so this run is stepped on the CPU.`, { file }) : null;
}
