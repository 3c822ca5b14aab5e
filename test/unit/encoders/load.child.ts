import { reportError } from '../../../src/base/errors.ts';
import { nodeFiles } from '../../../src/datasets/node-files.ts';
import type { EncoderProgress, LoadedEncoder } from '../../../src/encoders/load.ts';
import { loadEncoder } from '../../../src/encoders/load.ts';
import type { ReaderMessage } from '../../../src/engine/supervise.ts';
import { thinned } from '../../../src/engine/supervise.ts';

/** What the reader worker is in the browser: reads the encoder of the folder that its argument names. */
process.on('message', () => undefined);

try {
  send({ type: 'done', result: await loadEncoder(await nodeFiles(process.argv[2] ?? ''), thinned((progress) => send({ type: 'progress', progress }))) });
} catch (error) {
  send({ type: 'failed', error: reportError(error) });
}

function send(message: ReaderMessage<LoadedEncoder, EncoderProgress>): void {
  process.send?.(message);
}
