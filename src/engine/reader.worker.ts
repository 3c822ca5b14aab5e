import { reportError } from '../base/errors.ts';
import type { PickedFile } from '../datasets/browser-files.ts';
import { inputFiles } from '../datasets/browser-files.ts';
import { openDataset } from '../datasets/open.ts';
import type { Dataset } from '../datasets/types.ts';
import type { ReaderMessage } from './supervise.ts';
import { thinned } from './supervise.ts';

/** Reads one dataset and is then terminated by the page (see `readInWorker`). */
globalThis.addEventListener('message', (event: MessageEvent<{ files: readonly PickedFile[] }>) => {
  void answer(event.data.files);
});

async function answer(files: readonly PickedFile[]): Promise<void> {
  try {
    const dataset = await openDataset(inputFiles(files), { onProgress: thinned((progress) => post({ type: 'progress', progress })) });
    post({ type: 'done', dataset }, buffersOf(dataset));
  } catch (error) {
    post({ type: 'failed', error: reportError(error) });
  }
}

function post(message: ReaderMessage, transfer: Transferable[] = []): void {
  globalThis.postMessage(message, { transfer });
}

/** The columns move to the page instead of being copied. */
function buffersOf(dataset: Dataset): ArrayBufferLike[] {
  return [...dataset.features.values()].flatMap(({ values }) => (values ? [values.buffer] : []));
}
