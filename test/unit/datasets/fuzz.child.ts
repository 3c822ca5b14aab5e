import { reportError } from '../../../src/base/errors.ts';
import { openDataset } from '../../../src/datasets/open.ts';
import type { Outcome } from './fuzz.ts';
import { mutant } from './fuzz.ts';
import { file } from './make.ts';

/** Reads its mutants one after the other and reports each. Started by `fuzz.test.ts`. */
process.on('message', () => undefined);

const count = Number(process.argv[2]);
for (let seed = 0; seed < count; seed++) process.send?.(await outcomeOf(seed));

async function outcomeOf(seed: number): Promise<Outcome> {
  try {
    await openDataset([file('mutant.parquet', mutant(seed))]);
    return { seed, code: 'loaded', message: '' };
  } catch (error) {
    const { code, message } = reportError(error);
    return { seed, code, message };
  }
}
