import { reportError } from '../../../src/base/errors.ts';
import type { LoadedEncoder } from '../../../src/encoders/load.ts';
import { EncoderRoom, signalWatch } from '../../../src/engine/encoders.ts';
import type { EngineReply, EngineRequest, EngineSignal } from '../../../src/engine/protocol.ts';

/** An engine that is given an encoder and answers every request by running it on the wasm provider. */
let file = '';
const room = new EncoderRoom(signalWatch(post));

globalThis.addEventListener('message', (event: MessageEvent<EngineRequest | { readonly type: 'encoder'; readonly encoder: LoadedEncoder }>) => {
  const { data } = event;
  if (data.type !== 'encoder') {
    const column = { shape: [4], values: Float64Array.of(1, 2, 3, 4) };
    room.embed({ term: 'test', file, output: 'y', side: 'source', inputs: [{ input: 'x', key: 'x', column }], count: 1 }).then(
      () => post({ type: 'done', id: data.id }),
      (error: unknown) => post({ type: 'failed', id: data.id, error: reportError(error) }),
    );
    return;
  }
  ({ file } = data.encoder);
  room.put(data.encoder);
});

function post(message: EngineReply | EngineSignal): void {
  globalThis.postMessage(message, { transfer: [] });
}
