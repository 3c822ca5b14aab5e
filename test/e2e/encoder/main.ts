import type { Answer, Order } from './encode.worker.ts';

/** A page that does nothing but hand orders to a worker: `encoder.spec.ts` builds and drives it. */
const worker = new Worker(new URL('./encode.worker.ts', import.meta.url), { type: 'module' });

export type Encode = (order: Order) => Promise<Answer>;

const encode: Encode = (order) =>
  new Promise((resolve, reject) => {
    worker.addEventListener('message', (event: MessageEvent<Answer>) => resolve(event.data), { once: true });
    worker.addEventListener('error', (event) => reject(new Error(event.message)), { once: true });
    worker.postMessage(order, []);
  });

Object.assign(globalThis, { encode });
