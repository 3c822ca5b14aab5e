import type { PickedFile } from '../datasets/browser-files.ts';
import type { Dataset } from '../datasets/types.ts';
import type { ReaderHandle, ReaderMessage, SuperviseOptions } from './supervise.ts';
import { supervise } from './supervise.ts';

/**
 * Read a dataset in a worker of its own, which ends with the read: whatever the files do to the parser, the page and
 * what it has loaded already are untouched. Any number of reads may run beside each other.
 */
export async function readInWorker(files: readonly PickedFile[], options: SuperviseOptions = {}): Promise<Dataset> {
  const worker = new Worker(new URL('./reader.worker.ts', import.meta.url), { type: 'module', name: 'reader' });
  const read = supervise(workerHandle(worker), options);
  worker.postMessage({ files } satisfies { files: readonly PickedFile[] }, []);
  return read;
}

function workerHandle(worker: Worker): ReaderHandle {
  return {
    listen(onMessage, onDeath) {
      worker.addEventListener('message', (event: MessageEvent<ReaderMessage>) => onMessage(event.data));
      // Errors in here are defects (the reader catches all of a read's own), failed loading, or memory running out.
      worker.addEventListener('error', onDeath);
      worker.addEventListener('messageerror', onDeath);
    },
    kill: () => worker.terminate(),
  };
}
