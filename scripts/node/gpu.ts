import { existsSync, readdirSync, realpathSync } from 'node:fs';
import { constants } from 'node:os';
import { dirname, join } from 'node:path';
import { findChromium } from '../browser.ts';

/** RTLD_NODELETE, which Node does not list: keep a library that is loaded, though Node finds it is no addon. */
const KEEP_LOADED = 0x1000;

/** Kept for as long as the process lives: the devices of a collected instance bring the process down. */
let instance: GPU | null = null;

/**
 * WebGPU under Node: Dawn's bindings (npm `webgpu`).
 *
 * A machine without a graphics driver has no Vulkan loader and no adapter, but every Chromium ships both, for its own
 * software rendering: SwiftShader and libvulkan. They are used where the machine names no driver of its own.
 */
export async function nodeGpu(): Promise<GPU> {
  const folder = process.env.VK_ICD_FILENAMES ? null : softwareVulkan();
  if (folder) {
    process.env.VK_ICD_FILENAMES = join(folder, 'vk_swiftshader_icd.json');
    keepLoaded(join(folder, 'libvulkan.so.1'));
  } else if (process.env.VK_ICD_FILENAMES) keepLoaded(join(dirname(process.env.VK_ICD_FILENAMES.split(':')[0]!), 'libvulkan.so.1'));
  const { create } = await import('webgpu');
  instance ??= create([]);
  return instance;
}

/** Dawn asks for libvulkan.so.1 by name; a library that is loaded already answers to it, wherever it came from. */
function keepLoaded(library: string): void {
  if (!existsSync(library)) return;
  try {
    process.dlopen({ exports: {} }, library, constants.dlopen.RTLD_NOW | KEEP_LOADED);
  } catch {
    // "Module did not self-register": it is no Node addon, and loaded all the same.
  }
}

/** The folder of Chromium's software Vulkan; null where the system has drivers or no Chromium is found. */
function softwareVulkan(): string | null {
  if (['/usr/share/vulkan/icd.d', '/etc/vulkan/icd.d'].some((place) => existsSync(place) && readdirSync(place).length > 0)) return null;
  const chromium = findChromium();
  const places = [chromium && dirname(realpathSync(chromium)), '/usr/lib/chromium', '/usr/lib/chromium-browser', '/opt/google/chrome'];
  return places.find((place): place is string => Boolean(place) && existsSync(join(place!, 'vk_swiftshader_icd.json'))) ?? null;
}
