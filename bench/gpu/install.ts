import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';

const BENCH = resolve(import.meta.dirname, '..');

/** What bench/package.json brings. */
export const PEER_PACKAGES = ['@jax-js/jax', '@tensorflow/tfjs-core', '@tensorflow/tfjs-backend-webgpu'] as const;

export const isInstalled = (name: string): boolean => existsSync(join(BENCH, 'node_modules', name));

/** Install the peers where they are absent. Null when they are there, else why they are not. */
export function installPeers(say: (line: string) => void): string | null {
  if (PEER_PACKAGES.every(isInstalled)) return null;
  say(`The peers ${PEER_PACKAGES.join(', ')} are not installed yet: npm ci --prefix bench`);
  const { status, stderr } = spawnSync('npm', ['ci', '--prefix', BENCH, '--ignore-scripts', '--no-audit', '--no-fund'], { encoding: 'utf8', timeout: 120_000 });
  if (status === 0) return null;
  const reason = stderr.split('\n').find((line) => line.includes('error')) ?? `npm ended with ${status}`;
  return `npm ci --prefix bench failed: ${reason}`;
}
