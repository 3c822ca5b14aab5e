import type { PickedFile } from '../datasets/browser-files.ts';
import type { Dataset } from '../datasets/types.ts';
import type { EncoderProgress, LoadedEncoder } from '../encoders/load.ts';
import type { LoadedPairInfo } from './pair-info-file.ts';
import type { ReadOrder } from './reader.worker.ts';
import type { ReaderHandle, ReaderMessage, SuperviseOptions } from './supervise.ts';
import { supervise } from './supervise.ts';

/**
 * Read a dataset in a worker of its own, which ends with the read: whatever the files do to the parser, the page and
 * what it has loaded already are untouched. Any number of reads may run beside each other.
 */
export async function readInWorker(files: readonly PickedFile[], options: SuperviseOptions = {}): Promise<Dataset> {
  return readBy({ kind: 'dataset', files }, options);
}

/**
 * Read and examine one encoder in the same way: one `.onnx` file and the files beside it, as `groupEncoders` finds them
 * in a drop. Nothing of it runs here.
 *
 * @throws UserError as `loadEncoder`, or `cancelled`, `reader-stalled`, `reader-died`
 */
export async function readEncoderInWorker(files: readonly PickedFile[], options: SuperviseOptions<EncoderProgress> = {}): Promise<LoadedEncoder> {
  return readBy({ kind: 'encoder', files }, { advice: 'export the encoder again', ...options });
}

/**
 * Read one pair_info file in the same way.
 *
 * @throws UserError as `loadPairInfo`, or `cancelled`, `reader-stalled`, `reader-died`
 */
export async function readPairInfoInWorker(files: readonly PickedFile[], options: SuperviseOptions<never> = {}): Promise<LoadedPairInfo> {
  return readBy({ kind: 'pair-info', files }, { advice: 'pair the episodes again', ...options });
}

async function readBy<Result, Progress>(order: ReadOrder, options: SuperviseOptions<Progress>): Promise<Result> {
  const worker = new Worker(new URL('./reader.worker.ts', import.meta.url), { type: 'module', name: 'reader' });
  const read = supervise(workerHandle<Result, Progress>(worker), options);
  worker.postMessage(order, []);
  return read;
}

function workerHandle<Result, Progress>(worker: Worker): ReaderHandle<Result, Progress> {
  return {
    listen(onMessage, onDeath) {
      worker.addEventListener('message', (event: MessageEvent<ReaderMessage<Result, Progress>>) => onMessage(event.data));
      // Errors in here are defects (the reader catches all of a read's own), failed loading, or memory running out.
      worker.addEventListener('error', onDeath);
      worker.addEventListener('messageerror', onDeath);
    },
    kill: () => worker.terminate(),
  };
}
