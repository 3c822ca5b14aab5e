import { UserError } from '../base/errors.ts';
import { lostError } from './errors.ts';

/** A device with what a badge says about it. */
export interface OpenedDevice {
  readonly device: GPUDevice;
  /** What the driver calls itself; '' where the browser hides it. */
  readonly adapterName: string;
  /** A software adapter: correct, but the CPU's own solver is as fast. */
  readonly isFallback: boolean;
  /** Resolves, never rejects, when the device is gone. */
  readonly lost: Promise<UserError>;
}

/** Limits beyond WebGPU's defaults that kernels and encoders (wide Concat and Split) use, as far as the adapter has them. */
const WANTED = {
  maxBufferSize: 2 ** 30,
  maxStorageBufferBindingSize: 2 ** 30,
  maxComputeWorkgroupStorageSize: 32768,
  maxStorageBuffersPerShaderStage: 16,
} as const;

/** Features for kernels (half_subgroup.wgsl) and for encoders in float16, where the adapter has them. */
const WANTED_FEATURES: readonly GPUFeatureName[] = ['subgroups', 'shader-f16'];

/**
 * Ask for an adapter and its device with explicit limits. An adapter is used up by its device, so each call asks anew.
 * @throws UserError `no-adapter` where there is none
 */
export async function openDevice(gpu: GPU | undefined): Promise<OpenedDevice> {
  const adapter = gpu ? await gpu.requestAdapter({ powerPreference: 'high-performance' }) : null;
  if (!adapter) throw new UserError('no-adapter', 'This browser offers no WebGPU adapter. The CPU solver does the same work.');
  const requiredLimits: Record<string, number> = {};
  for (const [name, wanted] of Object.entries(WANTED)) requiredLimits[name] = Math.min(wanted, adapter.limits[name as keyof typeof WANTED]);
  let device: GPUDevice;
  try {
    device = await adapter.requestDevice({ requiredLimits, requiredFeatures: WANTED_FEATURES.filter((name) => adapter.features.has(name)) });
  } catch (thrown) {
    throw new UserError('no-adapter', 'The WebGPU adapter gave no device. The CPU solver does the same work.', { reason: thrown instanceof Error ? thrown.message : String(thrown) });
  }
  const { info } = adapter;
  return {
    device,
    adapterName: [info.vendor, info.architecture, info.description].filter(Boolean).join(' '),
    isFallback: isFallbackAdapter(info),
    lost: device.lost.then(({ reason, message }) => lostError(`${reason}: ${message}`)),
  };
}

/** Whether the adapter computes in software. SwiftShader says so itself in every host; older hosts lack the flag. */
export function isFallbackAdapter(info: GPUAdapterInfo): boolean {
  const flagged: boolean | undefined = info.isFallbackAdapter;
  return flagged ?? /swiftshader|llvmpipe|basic render/i.test(`${info.architecture} ${info.description}`);
}
