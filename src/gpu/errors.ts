import { UserError } from '../base/errors.ts';

/** What is said when the device is gone, whatever was being done with it. */
export function lostError(reason: string): UserError {
  return new UserError('gpu-lost', 'The GPU device was lost, so this computation has no result. A new device starts with the next computation.', { reason });
}

/** Why devices were lost; null while they live. Kept here because `device.lost` can only be waited for. */
const losses = new WeakMap<GPUDevice, { reason: string | null }>();

/** Why the device is gone; null while it lives. The first call starts watching it. */
export function lossOf(device: GPUDevice): string | null {
  let entry = losses.get(device);
  if (!entry) {
    const watched: { reason: string | null } = { reason: null };
    entry = watched;
    losses.set(device, watched);
    void device.lost.then(({ reason, message }) => {
      watched.reason = `${reason}: ${message}`;
    });
  }
  return entry.reason;
}

/**
 * Run synchronous GPU work (allocation, bind groups, encoding, submission) under error scopes.
 *
 * WebGPU does not throw when a buffer is too large or a bind group does not fit: the dispatch is dropped, a fresh output
 * reads zeros, and a silently wrong plan would be shown. Scopes are a stack of the device, so `work` must not await:
 * what overlaps would be blamed on the wrong caller.
 * @throws UserError `gpu-memory`, `gpu-invalid`, `gpu-internal` or `gpu-lost`; `what` names the work in their messages
 */
export async function guarded<T>(device: GPUDevice, what: string, work: () => T): Promise<T> {
  const { result, checked } = scoped(device, what, work);
  await checked;
  return result as T;
}

/**
 * `guarded` for who has something else to wait for at the same time: `checked` rejects as `guarded` throws, and before it
 * has resolved no result counts. `result` is undefined where `work` threw.
 */
export function scoped<T>(device: GPUDevice, what: string, work: () => T): { readonly result: T | undefined; readonly checked: Promise<void> } {
  lossOf(device);
  device.pushErrorScope('internal');
  device.pushErrorScope('out-of-memory');
  device.pushErrorScope('validation');
  let result: T | undefined;
  let thrown: Error | null = null;
  try {
    result = work();
  } catch (error) {
    thrown = error instanceof Error ? error : new Error('unknown');
  }
  const scopes = [device.popErrorScope(), device.popErrorScope(), device.popErrorScope()];
  return { result, checked: check(device, what, scopes, thrown) };
}

async function check(device: GPUDevice, what: string, scopes: readonly Promise<GPUError | null>[], thrown: Error | null): Promise<void> {
  let caught: (GPUError | null)[];
  try {
    caught = await Promise.all(scopes);
  } catch (error) {
    // Scopes of a lost device reject.
    throw lostError(error instanceof Error ? error.message : String(error));
  }
  const loss = lossOf(device);
  if (loss !== null) throw lostError(loss);
  const [invalid, memory, internal] = caught;
  if (memory) throw new UserError('gpu-memory', `The GPU has not enough memory for ${what}. Draw a smaller batch, or use the CPU.`, { reason: memory.message });
  if (invalid) throw new UserError('gpu-invalid', `The GPU refused ${what}: ${firstLine(invalid.message)}`, { reason: invalid.message });
  if (internal) throw new UserError('gpu-internal', `The GPU failed at ${what}: ${firstLine(internal.message)}`, { reason: internal.message });
  if (thrown) throw new UserError('gpu-invalid', `The GPU refused ${what}: ${firstLine(thrown.message)}`, { reason: thrown.message });
}

const firstLine = (text: string): string => text.split('\n')[0] ?? text;
