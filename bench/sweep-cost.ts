import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { readGolden } from '../scripts/inspect/golden-files.ts';

const ROOT = resolve(import.meta.dirname, '..');

/** The sweep's cost matrix: the 64 × 64 problem of the golden table. */
export async function sweepCost(): Promise<Float64Array> {
  const shared = resolve(process.env.OT_SHARED ?? resolve(ROOT, '../shared'), 'golden');
  const table = await readGolden(existsSync(shared) ? shared : resolve(ROOT, 'test/golden'));
  return table.array('p64.M');
}
