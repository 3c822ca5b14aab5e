import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { UserError } from '../src/base/errors.ts';
import type { GoldenCase } from './inspect/golden-files.ts';

/**
 * `tsx scripts/copy-golden.ts <folder>`: write the subset of a golden table that a fresh clone tests against to
 * test/golden, in the same format. Every problem, reference measure and kind of τ stays, each at its first and last
 * listed setting, and so does every case on which POT printed numerical errors; potentials, which nothing reads, and
 * reference measures that follow from their name are left out.
 */
const TARGET = 'test/golden';
/** A larger plan is kept once a problem, for the product reference measure. */
const LARGE = 32 * 32;

interface Stored {
  readonly off: number;
  readonly len: number;
  readonly shape: readonly number[];
  readonly dtype: 'f4' | 'f8';
}

interface Table {
  readonly version: number;
  readonly arrays: Record<string, Stored>;
  readonly cases: GoldenCase[];
}

const tauKind = ({ tau1, tau2 }: GoldenCase): string => [tau1 === null, tau2 === null, tau1 === tau2].join(',');

function choose(cases: readonly GoldenCase[]): GoldenCase[] {
  const groups = new Map<string, GoldenCase[]>();
  for (const golden of cases) {
    const large = golden.shape[0] * golden.shape[1] > LARGE;
    if (large && golden.c !== 'ab') continue;
    const key = [golden.prob, golden.c, large ? '' : tauKind(golden)].join('/');
    groups.set(key, [...(groups.get(key) ?? []), golden]);
  }
  const kept = new Set<GoldenCase>(cases.filter((golden) => golden.pot?.numerical));
  for (const group of groups.values()) {
    const last = group.at(-1)!;
    kept.add(last);
    if (last.shape[0] * last.shape[1] < LARGE) kept.add(group[0]!);
  }
  return cases.filter((golden) => kept.has(golden));
}

function arraysOf(golden: GoldenCase): string[] {
  const names = [`${golden.prob}.a`, `${golden.prob}.b`, `${golden.prob}.M`];
  if (golden.c !== 'ab' && golden.c !== 'diag') names.push(`${golden.prob}.c.${golden.c}`);
  if (golden.parity) names.push(golden.parity.plan);
  if (golden.star) names.push(golden.star.plan);
  return names;
}

/** The case without the names of arrays that are not copied. */
function withoutPotentials(golden: GoldenCase): GoldenCase {
  if (!golden.parity) return golden;
  const { logu: _logU, logv: _logV, ...parity } = golden.parity as typeof golden.parity & { logu?: string; logv?: string };
  return { ...golden, parity };
}

const source = process.argv[2];
if (!source) throw new UserError('usage', 'Name the folder that holds golden.json: npx tsx scripts/copy-golden.ts <folder>.');
const table: Table = JSON.parse(await readFile(join(source, 'golden.json'), 'utf8'));
const blob = await readFile(join(source, 'golden.bin'));
const cases = choose(table.cases);
const arrays: Record<string, Stored> = {};
const parts: Uint8Array[] = [];
let offset = 0;
for (const name of new Set(cases.flatMap(arraysOf))) {
  const stored = table.arrays[name];
  if (!stored) throw new Error(`golden.json names the array "${name}" but does not list it.`);
  const bytes = stored.len * (stored.dtype === 'f4' ? 4 : 8);
  const padded = Math.ceil(bytes / 8) * 8;
  const part = new Uint8Array(padded);
  part.set(blob.subarray(stored.off, stored.off + bytes));
  arrays[name] = { ...stored, off: offset };
  parts.push(part);
  offset += padded;
}
await mkdir(TARGET, { recursive: true });
const json = JSON.stringify({ version: table.version, arrays, cases: cases.map(withoutPotentials) });
await writeFile(join(TARGET, 'golden.bin'), Buffer.concat(parts));
await writeFile(join(TARGET, 'golden.json'), `${json}\n`);
process.stdout.write(`${cases.length} of ${table.cases.length} cases, ${Math.round((offset + json.length) / 1024)} KiB\n`);
