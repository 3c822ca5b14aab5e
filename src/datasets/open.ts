import { UserError } from '../base/errors.ts';
import { readLeRobot } from './lerobot/read.ts';
import { locate } from './locate.ts';
import type { Dataset, InputFile, ReadOptions } from './types.ts';

/**
 * Read whatever dataset a drop holds. Rejects with a `UserError` (one sentence: which file, what is wrong, what would
 * work) when it cannot be read, and with code `cancelled` when `options.signal` is aborted.
 *
 * The bytes are untrusted. Everything they declare is checked against limits first, but the parsers below are not
 * ours: run this in a disposable worker or process (`engine/reader`, `scripts/node/read-dataset`).
 */
export async function openDataset(files: readonly InputFile[], options: ReadOptions = {}): Promise<Dataset> {
  try {
    const located = locate(files);
    if (located.kind === 'tables') return await readLeRobot(located, options);
    // Readers of formats that few people have come when they are asked for.
    if (located.kind === 'hdf5') return await (await import('./hdf5/read.ts')).readHdf5(located, options);
    return await (await import('./numpy/read.ts')).readNumpy(located, options);
  } catch (error) {
    // A dataset within the limits can still be too large for the machine.
    if (error instanceof RangeError && /array (buffer )?(allocation|length)/i.test(error.message)) {
      throw new UserError('too-large', 'There is not enough memory for this dataset; open fewer of its table files at a time.');
    }
    throw error;
  }
}
