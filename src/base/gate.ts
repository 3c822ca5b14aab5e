/** What is passed when it is open, and waited at when it is closed. */
export class Gate {
  /** Resolved while it is open. */
  opened: Promise<void> = Promise.resolve();
  #release: (() => void) | null = null;

  close(): void {
    if (this.#release) return;
    this.opened = new Promise((resolve) => {
      this.#release = resolve;
    });
  }

  open(): void {
    this.#release?.();
    this.#release = null;
  }
}
