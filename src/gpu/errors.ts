import { UserError } from '../base/errors.ts';

/** What is said when the device is gone, whatever was being done with it. */
export function lostError(reason: string): UserError {
  return new UserError('gpu-lost', 'The GPU device was lost, so this computation has no result. A new device starts with the next computation.', { reason });
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
  device.pushErrorScope('internal');
  device.pushErrorScope('out-of-memory');
  device.pushErrorScope('validation');
  let result: T | undefined;
  let thrown: unknown = null;
  try {
    result = work();
  } catch (error) {
    thrown = error ?? new Error('unknown');
  }
  const scopes = [device.popErrorScope(), device.popErrorScope(), device.popErrorScope()];
  let caught: (GPUError | null)[];
  try {
    caught = await Promise.all(scopes);
  } catch (error) {
    // Scopes of a lost device reject.
    throw lostError(error instanceof Error ? error.message : String(error));
  }
  const [invalid, memory, internal] = caught;
  if (memory) throw new UserError('gpu-memory', `The GPU has not enough memory for ${what}. Draw a smaller batch, or use the CPU.`, { reason: memory.message });
  if (invalid) throw new UserError('gpu-invalid', `The GPU refused ${what}: ${firstLine(invalid.message)}`, { reason: invalid.message });
  if (internal) throw new UserError('gpu-internal', `The GPU failed at ${what}: ${firstLine(internal.message)}`, { reason: internal.message });
  if (thrown !== null) {
    const message = thrown instanceof Error ? thrown.message : String(thrown);
    throw new UserError('gpu-invalid', `The GPU refused ${what}: ${firstLine(message)}`, { reason: message });
  }
  return result as T;
}

const firstLine = (text: string): string => text.split('\n')[0] ?? text;
