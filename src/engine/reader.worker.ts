import { reportError } from '../base/errors.ts';
import type { PickedFile } from '../datasets/browser-files.ts';
import { inputFiles } from '../datasets/browser-files.ts';
import { openDataset } from '../datasets/open.ts';
import type { Dataset, ReadProgress } from '../datasets/types.ts';
import type { EncoderProgress, LoadedEncoder } from '../encoders/load.ts';
import { loadPairInfo, type LoadedPairInfo } from './pair-info-file.ts';
import type { ReaderMessage } from './supervise.ts';
import { thinned } from './supervise.ts';

/** What to read; the page sends one and ends the worker with the answer (see `readInWorker`). */
export interface ReadOrder {
  readonly kind: 'dataset' | 'encoder' | 'pair-info';
  readonly files: readonly PickedFile[];
}

globalThis.addEventListener('message', (event: MessageEvent<ReadOrder>) => {
  void answer(event.data);
});

async function answer({ kind, files }: ReadOrder): Promise<void> {
  try {
    if (kind === 'dataset') {
      const dataset = await openDataset(inputFiles(files), { onProgress: thinned((progress) => post({ type: 'progress', progress })) });
      post({ type: 'done', result: dataset }, buffersOf(dataset));
    } else if (kind === 'pair-info') post({ type: 'done', result: await loadPairInfo(inputFiles(files)) });
    else {
      // The parser of ONNX is a download of its own.
      const { loadEncoder } = await import('../encoders/load.ts');
      const encoder = await loadEncoder(inputFiles(files), thinned((progress) => post({ type: 'progress', progress })));
      post({ type: 'done', result: encoder }, [encoder.bytes.buffer, ...Array.from(encoder.external.values(), ({ buffer }) => buffer)]);
    }
  } catch (error) {
    post({ type: 'failed', error: reportError(error) });
  }
}

function post(message: ReaderMessage<Dataset | LoadedEncoder | LoadedPairInfo, ReadProgress | EncoderProgress>, transfer: Transferable[] = []): void {
  globalThis.postMessage(message, { transfer });
}

/** The columns move to the page instead of being copied. */
function buffersOf(dataset: Dataset): ArrayBufferLike[] {
  return [...dataset.features.values()].flatMap(({ values }) => (values ? [values.buffer] : []));
}
