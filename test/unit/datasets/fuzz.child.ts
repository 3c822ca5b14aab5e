import { reportError } from '../../../src/base/errors.ts';
import { openDataset } from '../../../src/datasets/open.ts';
import type { FuzzKind, Outcome } from './fuzz.ts';
import { bases, mutant } from './fuzz.ts';
import { file } from './make.ts';

/** Reads its mutants one after the other and reports each. Started by `fuzz.test.ts`. */
process.on('message', () => undefined);

const kinds: readonly FuzzKind[] = ['parquet', 'hdf5', 'npz'];
const kind = kinds.find((known) => known === process.argv[3]) ?? 'parquet';
const count = Number(process.argv[2]);
const sound = await bases(kind);
for (let seed = 0; seed < count; seed++) process.send?.(await outcomeOf(seed));

async function outcomeOf(seed: number): Promise<Outcome> {
  try {
    await openDataset([file(`mutant.${kind}`, mutant(seed, kind, sound))]);
  } catch (error) {
    const { code, message } = reportError(error);
    // A library that a mutant left broken would refuse everything after it.
    await openDataset([file(`sound.${kind}`, sound[0].slice(0))]);
    return { seed, code, message };
  }
  return { seed, code: 'loaded', message: '' };
}
