import { Checkpoints } from './checkpoints.ts';
import { IndexedSlots } from './indexed-slots.ts';
import { carryOut, type CheckpointOrder } from './remote-checkpoints.ts';

/** Keeps the page's run in IndexedDB. */
const checkpoints = new Checkpoints(new IndexedSlots());
globalThis.addEventListener('message', ({ data }: MessageEvent<CheckpointOrder>) => void carryOut(checkpoints, data, (answer, transfer) => globalThis.postMessage(answer, { transfer })));
