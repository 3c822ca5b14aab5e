import { spawn, spawnSync } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import type { ProblemSet } from './problems.ts';

export interface PotVersions {
  readonly version: string;
  readonly numpy: string;
  readonly python: string;
}

/** POT in one child process that stays up and times its own calls. */
export interface Pot {
  readonly versions: PotVersions;
  run(set: ProblemSet): Promise<{ seconds: number; iterations: number }>;
  plans(set: ProblemSet): Promise<Float64Array[]>;
  close(): Promise<void>;
}

/** Start POT on these problems; null where no python3 has it. */
export async function startPot(sets: readonly ProblemSet[]): Promise<Pot | null> {
  const python = ['python3', '/usr/bin/python3'].find((path) => spawnSync(path, ['-c', 'import ot']).status === 0);
  if (!python) return null;
  const folder = await mkdtemp(join(tmpdir(), 'ot-bench-'));
  await writeProblems(folder, sets);
  const child = spawn(python, [resolve(import.meta.dirname, 'pot.py')], { stdio: ['pipe', 'pipe', 'inherit'] });
  const answers = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const ask = async <T>(command: Record<string, string>): Promise<T> => {
    child.stdin.write(`${JSON.stringify(command)}\n`);
    const answer = await answers.next();
    if (answer.done) throw new Error(`python stopped while POT was asked to ${JSON.stringify(command)}`);
    const value: T = JSON.parse(answer.value);
    return value;
  };
  return {
    versions: await ask<PotVersions>({ load: folder }),
    run: async (set) => ask({ run: set.name }),
    plans: async (set) => {
      await ask({ plans: set.name });
      const bytes = await readFile(join(folder, `${set.name}.plans`));
      let offset = bytes.byteOffset;
      return set.problems.map(({ n, m }) => {
        const plan = new Float64Array(bytes.buffer.slice(offset, offset + 8 * n * m));
        offset += 8 * n * m;
        return plan;
      });
    },
    close: async () => {
      child.stdin.end();
      await rm(folder, { recursive: true });
    },
  };
}

/** problems.json and one file an array; a cost matrix that problems share is written once. */
async function writeProblems(folder: string, sets: readonly ProblemSet[]): Promise<void> {
  const names = new Map<Float64Array, string>();
  const store = async (values: Float64Array): Promise<string> => {
    const known = names.get(values);
    if (known) return known;
    const name = `array${names.size}`;
    names.set(values, name);
    await writeFile(join(folder, `${name}.f8`), new Uint8Array(values.buffer, values.byteOffset, values.byteLength));
    return name;
  };
  const table: Record<string, object[]> = {};
  for (const { name, problems } of sets) {
    const rows: object[] = [];
    for (const { n, m, cost, a, b, reg, tau1 } of problems) rows.push({ n, m, cost: await store(cost), a: await store(a), b: await store(b), reg, tau: tau1 });
    table[name] = rows;
  }
  await writeFile(join(folder, 'problems.json'), JSON.stringify(table));
}
