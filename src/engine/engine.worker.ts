import { signalWatch } from './encoders.ts';
import { EngineHost } from './host.ts';
import type { EngineRequest } from './protocol.ts';

/** The engine's worker: messages in, messages out. */
const host = new EngineHost(
  (reply, transfer) => self.postMessage(reply, { transfer }),
  signalWatch((signal) => self.postMessage(signal, { transfer: [] })),
);
self.addEventListener('message', (event: MessageEvent<EngineRequest>) => void host.handle(event.data));
