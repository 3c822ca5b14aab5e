import { ExperimentHost, type CrewOrder, type CrewReply } from '../../src/engine/experiment-host.ts';

/** A worker of an experiment in this thread: every message is cloned, as between threads, and it can be killed or made to hang. */
export class LocalWorker extends EventTarget {
  readonly orders: CrewOrder[] = [];
  ended = false;
  hung = false;
  readonly #host = new ExperimentHost((reply) => this.#say(reply));

  /** Called with each order before it is carried out. */
  onOrder: (order: CrewOrder) => void = () => undefined;

  postMessage(order: CrewOrder): void {
    this.orders.push(order);
    this.onOrder(order);
    const copy = structuredClone(order);
    if (!this.ended && !this.hung) setTimeout(() => void this.#host.handle(copy));
  }

  terminate(): void {
    this.ended = true;
  }

  kill(): void {
    this.ended = true;
    setTimeout(() => this.dispatchEvent(new Event('error')));
  }

  #say(reply: CrewReply): void {
    const data = structuredClone(reply);
    setTimeout(() => {
      if (!this.ended && !this.hung) this.dispatchEvent(new MessageEvent('message', { data }));
    });
  }
}
