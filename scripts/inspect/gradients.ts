import { readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { UserError } from '../../src/base/errors.ts';
import { supervise } from '../../src/engine/supervise.ts';
import { childHandle } from '../node/read-dataset.ts';

/** What meta.json says of a net: shapes of input and output, and where in .grad.bin each parameter's gradient is. */
interface NetTruth {
  readonly shape: readonly number[];
  readonly out: readonly number[];
  readonly params: Readonly<Record<string, readonly [offset: number, dims: readonly number[]]>>;
}

/** What the child is asked. */
export interface NetOrder {
  readonly folder: string;
  readonly name: string;
  readonly truth: NetTruth;
}

export interface NetReport {
  /** Largest difference over the largest |gradient|, over all parameters. */
  readonly maxErr: number;
  /** Largest difference over the largest |output|. */
  readonly outputErr: number;
  /** Elements compared. */
  readonly parameters: number;
  /** Names of the truth that the graph lacks; they are left out. */
  readonly unmatched: readonly string[];
}

export interface GradientsReport {
  readonly nets: Readonly<Record<string, NetReport>>;
  readonly provider: 'wasm';
}

/** Longest silence: one net on a slow core, which says nothing before it is done. */
const WATCHDOG_MS = 300_000;

/** `inspect gradients <dir>`: every net of a folder's meta.json that has parameters, differentiated and compared with float64's gradients. */
export async function inspectGradients(args: readonly string[]): Promise<GradientsReport> {
  const { positionals } = parseArgs({ args: [...args], options: {}, allowPositionals: true });
  const [path, ...rest] = positionals;
  if (path === undefined || rest.length > 0) throw new UserError('usage', 'inspect gradients takes one path: the folder that holds meta.json.');
  const folder = resolve(path);
  const nets: [string, NetReport][] = [];
  for (const [name, truth] of await readTruths(folder)) {
    const child = childHandle<NetReport, never>(fileURLToPath(new URL('../node/gradients.child.ts', import.meta.url)), JSON.stringify({ folder, name, truth } satisfies NetOrder));
    nets.push([name, await supervise(child, { watchdogMs: WATCHDOG_MS, advice: `leave ${name} out of meta.json` })]);
  }
  return { nets: Object.fromEntries(nets), provider: 'wasm' };
}

async function readTruths(folder: string): Promise<[string, NetTruth][]> {
  const text = await readFile(join(folder, 'meta.json'), 'utf8').catch(() => {
    throw new UserError('no-gradients', `${folder} has no meta.json; a folder of gradients has one.`);
  });
  let meta: unknown;
  try {
    meta = JSON.parse(text);
  } catch {
    throw new UserError('no-gradients', `${join(folder, 'meta.json')} is not valid JSON.`);
  }
  const nets = isRecord(meta) ? Object.entries(meta) : [];
  return nets.flatMap(([name, net]) => {
    // A net without gradients is there for other tests.
    if (!isRecord(net) || !isRecord(net['params'])) return [];
    const { shape, out, params } = net;
    const offsets = Object.values(params).every((entry) => Array.isArray(entry) && isCount(entry[0]) && isDims(entry[1]));
    if (!isDims(shape) || !isDims(out) || !offsets || /[/\\]/.test(name)) throw new UserError('no-gradients', `meta.json does not describe ${JSON.stringify(name)} as {shape, out, params: {name: [offset, dims]}}.`);
    return [[name, net as unknown as NetTruth]];
  });
}

const isRecord = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null && !Array.isArray(value);
const isCount = (value: unknown): boolean => Number.isSafeInteger(value) && (value as number) >= 0;
const isDims = (value: unknown): boolean => Array.isArray(value) && value.every(isCount);
