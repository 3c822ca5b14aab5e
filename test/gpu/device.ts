import { openDevice, type OpenedDevice } from '../../src/gpu/device.ts';
import { nodeGpu } from '../../scripts/node/gpu.ts';

/**
 * A device of this machine, or null where there is none. On CI a missing adapter is an error: a suite that skips its
 * kernels proves nothing.
 */
export async function testDevice(): Promise<OpenedDevice | null> {
  try {
    return await openDevice(await nodeGpu());
  } catch (thrown) {
    if (process.env.CI) throw thrown;
    console.warn(`test/gpu is skipped, for there is no WebGPU adapter here: ${String(thrown)}`);
    return null;
  }
}
