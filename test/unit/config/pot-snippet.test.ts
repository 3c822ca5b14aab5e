import { execFile, spawnSync } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parse } from 'npyjs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { potSnippet, type PotSnippet } from '../../../src/config/pot-snippet.ts';
import { uniformWeights, type UotProblem } from '../../../src/core/ot/problem.ts';
import { solve, type Mode } from '../../../src/core/ot/solve.ts';
import { makeProblem } from '../../support/ot.ts';

/* The script is run by a Python that has POT: the path's own, or the system's (Debian: python3-pot). */

const versionOf = (command: string): string | null => {
  const { status, stdout } = spawnSync(command, ['-c', 'import ot, numpy; print(ot.__version__)'], { encoding: 'utf8' });
  return status === 0 ? stdout.trim() : null;
};
const python = ['python3', '/usr/bin/python3'].map((command) => ({ command, version: versionOf(command) })).find(({ version }) => version !== null);
/** Whether it knows c and two τ: 0.9.5 and later. */
const isNewer = (version: string): boolean => {
  const [major = 0, minor = 0, patch = 0] = version.split('.').map((part) => Number.parseInt(part, 10));
  return major * 10_000 + minor * 100 + patch >= 905;
};
const newer = isNewer(python?.version ?? '0');

const zeros = Float64Array.of(0, 0.3, 0.2, 0.1, 0.2, 0, 0.1, 0.1);
const CASES: readonly [string, UotProblem, Mode][] = [
  ['product', makeProblem(8, 8, { reg: 0.05, tau1: 0.5, tau2: 0.5 }), 'fast'],
  ['product, 12 × 7, sharp', makeProblem(12, 7, { reg: 0.005, tau1: 0.1, tau2: 0.1 }), 'fast'],
  ['product, POT’s own stop', makeProblem(8, 8, { reg: 0.05, tau1: 5, tau2: 5 }), 'parity'],
  ['ones', makeProblem(8, 8, { reg: 0.2, tau1: 0.5, tau2: 0.5, prior: { kind: 'ones' } }), 'fast'],
  ['the diagonal mask', makeProblem(6, 6, { reg: 0.1, tau1: 0.5, tau2: 0.5, prior: { kind: 'diagonal' } }), 'fast'],
  ['the diagonal mask, 6 × 9', makeProblem(6, 9, { reg: 0.1, tau1: 0.5, tau2: 0.5, prior: { kind: 'diagonal' } }), 'fast'],
  ['soft', makeProblem(8, 8, { reg: 0.1, tau1: 1, tau2: 1, prior: { kind: 'soft', epsilon: 0.1 } }), 'fast'],
  ['band', makeProblem(8, 8, { reg: 0.1, tau1: 1, tau2: 1, prior: { kind: 'band', width: 0.2 } }), 'fast'],
  ['lines without weight', makeProblem(8, 8, { reg: 0.1, tau1: 1, tau2: 1, a: zeros, b: zeros.toReversed() }), 'fast'],
  ['two τ', makeProblem(8, 8, { reg: 0.1, tau1: 0.2, tau2: 2 }), 'fast'],
  ['one hard marginal', makeProblem(8, 8, { reg: 0.1, tau1: Infinity, tau2: 0.5 }), 'fast'],
  ['balanced', makeProblem(8, 8, { reg: 0.1, tau1: Infinity, tau2: Infinity }), 'fast'],
];
/** One source farther from everything than e^(−M/reg) can say. */
const OUTLIER = makeProblem(4, 4, { reg: 0.001, tau1: 1, tau2: 1, cost: Float64Array.from({ length: 16 }, (_, k) => (k < 4 ? 5 : 0.1)) });

const snippetOf = (problem: UotProblem, mode: Mode): PotSnippet => potSnippet(problem, solve(problem, { mode }));
const script = ({ files }: PotSnippet): string => new TextDecoder().decode(files.get('reproduce.py'));

it('holds the problem and the plan', () => {
  const problem = CASES[1]![1];
  const solution = solve(problem, { mode: 'fast' });
  const { files } = potSnippet(problem, solution);
  expect([...files.keys()]).toEqual(['reproduce.py', 'M.npy', 'a.npy', 'b.npy', 'c.npy', 'plan.npy']);
  const array = (name: string): { data: unknown; shape: number[] } => parse(files.get(name)!.buffer);
  expect(array('M.npy')).toMatchObject({ data: problem.cost, shape: [12, 7] });
  expect(array('a.npy')).toMatchObject({ data: uniformWeights(12), shape: [12] });
  expect(array('plan.npy')).toMatchObject({ data: solution.plan, shape: [12, 7] });
});

it('says what it cannot do', () => {
  expect(snippetOf(CASES[0]![1], 'fast').notes.join(' ')).toMatch(/given M - reg log\(c\)/);
  expect(snippetOf(CASES[9]![1], 'fast').notes.join(' ')).toMatch(/Older POT cannot solve it/);
  expect(snippetOf(OUTLIER, 'fast').notes.join(' ')).toMatch(/arithmetic is expected to break at iteration 0/);
  expect(snippetOf(CASES[5]![1], 'fast').notes.join(' ')).not.toMatch(/break/);
});

it('expects little of a difference, and states it', () => {
  for (const [, problem, mode] of CASES) {
    const snippet = snippetOf(problem, mode);
    expect(snippet.difference).toBeLessThan(1e-6);
    expect(script(snippet)).toContain(`DIFFERENCE = ${snippet.difference}\n`);
  }
});

describe.skipIf(!python)(`POT ${python?.version ?? '(no python3 with ot and numpy here)'}`, () => {
  let folder = '';
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'pot-'));
  });
  afterAll(async () => rm(folder, { recursive: true }));

  const run = async (snippet: PotSnippet, name: string): Promise<{ status: number; stdout: string; stderr: string }> => {
    const own = await mkdtemp(join(folder, `${name.replaceAll(/\W/g, '')}-`));
    for (const [file, bytes] of snippet.files) await writeFile(join(own, file), bytes);
    return new Promise((done) => {
      execFile(python!.command, [join(own, 'reproduce.py')], (error, stdout, stderr) => done({ status: error === null ? 0 : Number(error.code), stdout, stderr }));
    });
  };

  it.each(CASES)('%s', async (name, problem, mode) => {
    const { status, stdout, stderr } = await run(snippetOf(problem, mode), name);
    expect(stderr).toBe('');
    if (newer || (problem.tau1 === problem.tau2 && problem.tau1 !== Infinity)) {
      expect(stdout).toMatch(/difference \S+ of max\(plan\), expected at most/);
      expect(status).toBe(0);
    } else {
      expect(stdout).toMatch(/takes one finite tau for both sides; .* need POT 0\.9\.5 or newer/);
      expect(status).toBe(2);
    }
  });

  it('where its arithmetic breaks it is not believed', async () => {
    const { status, stdout } = await run(snippetOf(OUTLIER, 'fast'), 'outlier');
    expect(stdout).toMatch(/Numerical errors at iteration 0\. Its numbers are no plan/);
    expect(status).toBe(2);
  });

  it('a plan that is not POT’s is found out', async () => {
    const snippet = snippetOf(CASES[0]![1], 'fast');
    const wrong = new Map(snippet.files).set('plan.npy', snippet.files.get('c.npy')!);
    expect((await run({ ...snippet, files: wrong }, 'wrong')).status).toBe(1);
  });
});
