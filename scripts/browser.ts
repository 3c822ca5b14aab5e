import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { chromium, type LaunchOptions } from '@playwright/test';

/** Flags with which headless Chromium has a software WebGPU adapter and asks nothing of the network. */
export const CHROMIUM_FLAGS = [
  '--enable-unsafe-webgpu',
  '--use-webgpu-adapter=swiftshader',
  '--enable-features=Vulkan',
  '--use-vulkan=swiftshader',
  '--use-angle=swiftshader',
  // The software adapter is for WebGPU alone: painting by it takes a third of a page's processor time.
  '--disable-gpu-compositing',
  '--no-sandbox',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  '--disable-quic',
];

const SYSTEM = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome', '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome'];

/** A Chromium that is already here: CHROMIUM, the system's, or Playwright's own. Null when there is none. */
export function findChromium(): string | null {
  const candidates = [process.env.CHROMIUM, ...SYSTEM, chromium.executablePath()];
  return candidates.find((path): path is string => path !== undefined && path !== '' && existsSync(path)) ?? null;
}

/** Find a Chromium, or get one: Playwright's own build, or, where that is out of reach, Debian's package. */
export function ensureChromium(): string {
  const found = findChromium();
  if (found) return found;
  console.log('No Chromium found. Installing one for the browser tests: npx playwright install --with-deps chromium');
  const installed = spawnSync('npx', ['playwright', 'install', '--with-deps', 'chromium'], { stdio: 'inherit', timeout: 300_000 });
  if (installed.status !== 0) {
    console.log('That did not work. Trying Debian’s package: apt-get install chromium');
    const options = { stdio: 'inherit', timeout: 300_000, env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' } } as const;
    spawnSync('apt-get', ['update'], options);
    spawnSync('apt-get', ['install', '-y', 'chromium', 'fonts-noto-cjk'], options);
  }
  const path = findChromium();
  if (!path) throw new Error('No Chromium could be installed. Install one by hand and set CHROMIUM to its path.');
  return path;
}

export const launchOptions = (executablePath: string): LaunchOptions => ({ executablePath, args: CHROMIUM_FLAGS, headless: true, timeout: 60_000 });
