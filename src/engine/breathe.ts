/** How long anything long may hold the worker before it looks for newer messages. */
export const SLICE_MS = 7;

/** Let waiting messages in. A message channel is not throttled the way timers are. */
export async function breathe(): Promise<void> {
  await new Promise<void>((resolve) => {
    const { port1, port2 } = new MessageChannel();
    port1.addEventListener('message', () => {
      port1.close();
      resolve();
    });
    port1.start();
    port2.postMessage(null);
  });
}
