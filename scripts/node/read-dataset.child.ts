import { reportError } from '../../src/base/errors.ts';
import { nodeFiles } from '../../src/datasets/node-files.ts';
import { openDataset } from '../../src/datasets/open.ts';
import type { Dataset } from '../../src/datasets/types.ts';
import type { ReaderMessage } from '../../src/engine/supervise.ts';
import { thinned } from '../../src/engine/supervise.ts';

// Listening keeps the child alive until it is killed (or its parent is gone), so that a large answer is not cut short.
process.on('message', () => undefined);

/** The child of `readInChild`: reads the dataset its argument names and is killed once its answer has arrived. */
try {
  const files = await nodeFiles(process.argv[2] ?? '');
  send({ type: 'done', result: await openDataset(files, { onProgress: thinned((progress) => send({ type: 'progress', progress })) }) });
} catch (error) {
  send({ type: 'failed', error: reportError(error) });
}

function send(message: ReaderMessage<Dataset>): void {
  process.send?.(message);
}
