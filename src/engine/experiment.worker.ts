import { ExperimentHost, type CrewOrder } from './experiment-host.ts';

/** One of an experiment's workers: runs in, results out. */
const host = new ExperimentHost((reply) => self.postMessage(reply, { transfer: [] }));
self.addEventListener('message', (event: MessageEvent<CrewOrder>) => void host.handle(event.data));
