import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { solve } from '../../../src/core/ot/solve.ts';
import { inspectHere, inspectInProcess, type Outcome } from '../../support/inspect.ts';
import { makeProblem } from '../../support/ot.ts';

/* `inspect solve` on files; one answer and some refusals as a person gets them, from a process of its own. */

const ROOT = resolve(import.meta.dirname, '../../..');
let folder = '';
const at = (name: string): string => join(folder, name);

/** The JSON object on the last line of stdout. */
function answerOf({ status, stdout, stderr }: Outcome): Record<string, unknown> {
  expect(stderr).toBe('');
  expect(status).toBe(0);
  return JSON.parse(stdout.trim().split('\n').at(-1)!);
}

const answer = async (...args: string[]): Promise<Record<string, unknown>> => answerOf(await inspectHere('solve', ...args));

interface Header {
  readonly descr?: string;
  readonly fortran?: boolean;
  readonly shape: readonly number[];
}

/** A version 1.0 .npy file, byte by byte. */
function npy({ descr = '<f8', fortran = false, shape }: Header, data: ArrayBufferView): Buffer {
  const text = `{'descr': '${descr}', 'fortran_order': ${fortran ? 'True' : 'False'}, 'shape': (${shape.join(', ')}${shape.length === 1 ? ',' : ''}), }`;
  const padded = `${text.padEnd(64 * Math.ceil((text.length + 11) / 64) - 11)}\n`;
  const length = Buffer.alloc(2);
  length.writeUInt16LE(padded.length);
  return Buffer.concat([Buffer.from('\x93NUMPY\x01\x00', 'latin1'), length, Buffer.from(padded, 'latin1'), new Uint8Array(data.buffer, data.byteOffset, data.byteLength)]);
}

const problem = makeProblem(5, 7, { reg: 0.05, tau1: 0.5, tau2: 2 });
const settings = ['--reg', '0.05', '--tau1', '0.5', '--tau2', '2'];
const weights = Float64Array.of(0.1, 0.2, 0.3, 0.2, 0.2);

const cost = (name: string, ...rest: string[]): string[] => ['solve', '--cost', name, ...settings, ...rest];
const regTau = (reg: string, tau1: string, tau2 = '1'): string[] => ['solve', '--cost', 'M.npy', '--reg', reg, '--tau1', tau1, '--tau2', tau2];

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'inspect-'));
  process.chdir(folder);
  const whole = npy({ shape: [5, 7] }, problem.cost);
  await Promise.all([
    writeFile(at('M.npy'), whole),
    writeFile(at('M4.npy'), npy({ descr: '<f4', shape: [5, 7] }, Float32Array.from(problem.cost))),
    writeFile(at('a.npy'), npy({ shape: [5] }, weights)),
    writeFile(at('b.npy'), npy({ descr: '<f4', shape: [7] }, new Float32Array(7).fill(0.25))),
    writeFile(at('cut.npy'), whole.subarray(0, whole.length - 16)),
    writeFile(at('odd.npy'), whole.subarray(0, whole.length - 3)),
    writeFile(at('head.npy'), whole.subarray(0, 20)),
    writeFile(at('empty.npy'), new Uint8Array(0)),
    writeFile(at('magic.npy'), Buffer.concat([Buffer.from('PK\x03\x04'), whole.subarray(4)])),
    writeFile(at('fortran.npy'), npy({ fortran: true, shape: [5, 7] }, problem.cost)),
    writeFile(at('int.npy'), npy({ descr: '<i4', shape: [5, 7] }, new Int32Array(35))),
    writeFile(at('flat.npy'), npy({ shape: [35] }, problem.cost)),
    writeFile(at('nan.npy'), npy({ shape: [5, 7] }, problem.cost.with(8, Number.NaN))),
    writeFile(at('wide.npy'), npy({ shape: [1, 5] }, weights)),
  ]);
});
afterAll(async () => {
  process.chdir(ROOT);
  await rm(folder, { recursive: true });
});

describe.concurrent('answers', () => {
  test('float64 costs, and the plan in a file that numpy reads', async () => {
    const truth = solve(problem, { mode: 'fast' });
    const result = answerOf(await inspectInProcess('solve', '--cost', 'M.npy', ...settings, '--out', 'pi.npy'));
    expect(result).toMatchObject({ ot_loss: truth.transportCost, ot_pi_sum: truth.mass, ot_pi_diag: null, iterations: truth.iterations, converged: true, primal: truth.primal, dual: truth.dual, perplexity: truth.perplexity });
    const bytes = await readFile(at('pi.npy'));
    expect([...bytes.subarray(0, 8)]).toEqual([0x93, ...Buffer.from('NUMPY'), 1, 0]);
    const header = bytes.toString('latin1', 10, 10 + bytes.readUInt16LE(8)).replaceAll(' ', '');
    expect(header).toBe("{'descr':'<f8','fortran_order':False,'shape':(5,7)}\n");
    const start = bytes.length - 35 * 8;
    expect(start % 16).toBe(0);
    expect(truth.plan.every((value, k) => bytes.readDoubleLE(start + 8 * k) === value)).toBe(true);
  });

  test('float32 costs are taken as they are', async () => {
    const rounded = { ...problem, cost: Float64Array.from(Float32Array.from(problem.cost)) };
    expect((await answer('--cost', 'M4.npy', ...settings)).ot_pi_sum).toBe(solve(rounded, { mode: 'fast' }).mass);
  });

  test('weights, parity mode, soft prior', async () => {
    const own = { ...problem, a: weights, b: new Float64Array(7).fill(0.25), prior: { kind: 'soft', epsilon: 0.2 } as const };
    const truth = solve(own, { mode: 'parity' });
    const result = await answer('--cost', 'M.npy', ...settings, '--a', 'a.npy', '--b', 'b.npy', '--prior', 'soft:0.2', '--mode', 'parity');
    expect(result).toMatchObject({ ot_pi_sum: truth.mass, iterations: truth.iterations, error: truth.error });
  });

  test('inf is a hard marginal, and warnings are sentences', async () => {
    const result = await answer('--cost', 'M.npy', '--reg', '5', '--tau1', 'inf', '--tau2', '∞');
    expect(result.ot_pi_sum).toBeCloseTo(1, 9);
    expect(result.warnings).toMatchObject([{ code: 'diffuse-plan', message: expect.stringMatching(/^The plan is diffuse: 6\.99 matches a row of 7, so/) }]);
  });
});

describe.concurrent('bad input ends with one plain sentence', () => {
  const refusals: readonly [string, () => string[], RegExp][] = [
    ['missing file', () => cost('none.npy'), /none\.npy cannot be read\. Name an existing \.npy file\.$/],
    ['a folder', () => cost('.'), /^\. cannot be read\. Name an existing \.npy file\.$/],
    ['truncated by two values', () => cost('cut.npy'), /cut\.npy declares 35 values and holds 33; it is truncated\. Save it again\.$/],
    ['truncated within a value', () => cost('odd.npy'), /odd\.npy is not a \.npy file that can be read|odd\.npy declares 35 values/],
    ['truncated in its header', () => cost('head.npy'), /head\.npy is not a \.npy file that can be read/],
    ['empty', () => cost('empty.npy'), /empty\.npy is not a \.npy file that can be read/],
    ['wrong magic', () => cost('magic.npy'), /magic\.npy is not a \.npy file that can be read\. Write it with numpy\.save as float32 or float64\.$/],
    ['Fortran order', () => cost('fortran.npy'), /fortran\.npy is in Fortran order; save numpy\.ascontiguousarray of it\.$/],
    ['integers', () => cost('int.npy'), /int\.npy holds .*; float32 or float64 works\.$/],
    ['one axis', () => cost('flat.npy'), /flat\.npy has 1 axes; a cost matrix has two\.$/],
    ['NaN in the costs', () => cost('nan.npy'), /^The cost of source 1 and target 1 is NaN; every cost must be finite\./],
    ['weights that do not fit', () => cost('M.npy', '--b', 'a.npy'), /^There are 5 target weights for 7 columns of the cost matrix; give one a column\.$/],
    ['weights that are a matrix', () => cost('M.npy', '--a', 'wide.npy'), /wide\.npy has 2 axes; weights have one\.$/],
    ['unequal masses, both hard', () => ['solve', '--cost', 'M.npy', '--reg', '1', '--tau1', 'inf', '--tau2', 'inf', '--b', 'b.npy'], /^Balanced transport needs equal masses/],
    ['n ≠ m diagonal with a hard side', () => [...regTau('1', '1', 'inf'), '--prior', 'diagonal'], /^Target 5 has weight but the prior allows it no source, and τ₂ = ∞/],
    ['reg 0', () => regTau('0', '1'), /^reg is 0; it must be a positive finite number, such as 0\.01\.$/],
    ['reg negative', () => ['solve', '--cost', 'M.npy', '--reg=-1', '--tau1', '1', '--tau2', '1'], /^reg is -1; it must be a positive finite number/],
    ['reg NaN', () => regTau('NaN', '1'), /^--reg is "NaN", which is not a number\.$/],
    ['reg inf', () => regTau('inf', '1'), /^reg is Infinity; it must be a positive finite number/],
    ['τ 0', () => regTau('1', '0'), /^τ₁ is 0; it must be positive, or ∞ for a hard marginal\.$/],
    ['τ missing', () => ['solve', '--cost', 'M.npy', '--reg', '1', '--tau1', '1'], /^--tau2 is missing; give a positive number, or inf\.$/],
    ['no cost', () => ['solve', ...settings], /^Name the cost matrix: --cost M\.npy\.$/],
    ['prior that there is none', () => cost('M.npy', '--prior', 'soft'), /^--prior is "soft"; it must be product, ones, diagonal, soft:E or band:S, such as soft:0\.1\.$/],
    ['soft prior out of range', () => cost('M.npy', '--prior', 'soft:2'), /^The soft prior's ε is 2; it must lie in \(0, 1\]\.$/],
    ['mode that there is none', () => cost('M.npy', '--mode', 'slow'), /^--mode is "slow"; it must be parity or fast\.$/],
    ['unwritable --out', () => cost('M.npy', '--out', 'none/pi.npy'), /none\/pi\.npy cannot be written/],
  ];
  const ofAProcess: typeof refusals = [
    ['unknown option', () => cost('M.npy', '--temperature', '3'), /^Unknown option '--temperature'/],
    ['unknown command', () => ['divine'], /^There is no inspection called "divine"; the ones there are: /],
    ['no command', () => [], /^There is no inspection called ""; the ones there are: /],
  ];
  test.each([...refusals.map((refusal) => [...refusal, inspectHere] as const), ...ofAProcess.map((refusal) => [...refusal, inspectInProcess] as const)])('%s', async (_, args, sentence, inspect) => {
    const { status, stdout, stderr } = await inspect(...args());
    expect(status).toBeGreaterThan(0);
    expect(stdout).toBe('');
    const lines = stderr.trimEnd().split('\n');
    expect(lines.at(-1)).toMatch(sentence);
    expect(stderr).not.toMatch(/^\s+at /m);
  });
});
