import { describe, test } from 'vitest';
import { openDevice, type OpenedDevice } from '../../src/gpu/device.ts';
import { nodeGpu } from '../../scripts/node/gpu.ts';

const opened = await open();

async function open(): Promise<OpenedDevice | null> {
  try {
    return await openDevice(await nodeGpu());
  } catch (thrown) {
    if (process.env.CI) throw thrown;
    console.warn(`test/gpu is skipped, for there is no WebGPU adapter here: ${String(thrown)}`);
    return null;
  }
}

/**
 * A suite on a device of this machine, skipped by name where there is none. On CI a missing adapter is an error: a suite
 * that skips its kernels proves nothing.
 */
export function describeOnGpu(name: string, suite: (device: OpenedDevice) => void): void {
  const device = opened;
  if (device) describe(name, () => suite(device));
  else describe(name, () => test.skip('needs a WebGPU adapter, which this machine has not', () => {}));
}
