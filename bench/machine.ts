import { readFile, mkdir, writeFile } from 'node:fs/promises';
import { cpus } from 'node:os';
import { resolve } from 'node:path';

export const machine = { cpu: cpus()[0]?.model ?? 'unknown', cores: cpus().length, node: process.version, OMP_NUM_THREADS: process.env.OMP_NUM_THREADS ?? 'not set' };

/** Versions that a lock file beside package.json pins; '' is the project itself. */
export async function lockedVersions(lock: string, names: readonly string[]): Promise<Record<string, string>> {
  const { packages }: { packages: Record<string, { version?: string }> } = JSON.parse(await readFile(resolve(import.meta.dirname, lock), 'utf8'));
  return Object.fromEntries(names.map((name) => [name || 'playground', packages[name && `node_modules/${name}`]?.version ?? 'unknown']));
}

/** Write bench/results/<name>.json; its path from the repository's root. */
export async function writeResult(name: string, result: object): Promise<string> {
  const folder = resolve(import.meta.dirname, 'results');
  await mkdir(folder, { recursive: true });
  await writeFile(resolve(folder, `${name}.json`), `${JSON.stringify(result, null, 2)}\n`);
  return `bench/results/${name}.json`;
}
