import { EngineHost } from './host.ts';
import type { EngineRequest } from './protocol.ts';

/** The engine's worker: messages in, messages out. */
const scope = self as unknown as { postMessage(message: unknown, transfer: Transferable[]): void; onmessage: ((event: MessageEvent<EngineRequest>) => void) | null };

const host = new EngineHost((reply, transfer) => scope.postMessage(reply, transfer));
scope.onmessage = (event) => void host.handle(event.data);
