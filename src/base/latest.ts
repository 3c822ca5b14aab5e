/**
 * Runs one task at a time and remembers only the newest of those that came meanwhile: the others resolve to null.
 * What a slider needs: no queue grows, and the last value always gets its turn.
 */
export class LatestOnly {
  #running = false;
  #waiting: { start(): void; drop(): void } | null = null;

  async run<T>(task: () => Promise<T>): Promise<T | null> {
    if (this.#running) {
      this.#waiting?.drop();
      const chosen = await new Promise<boolean>((resolve) => {
        this.#waiting = { start: () => resolve(true), drop: () => resolve(false) };
      });
      if (!chosen) return null;
    }
    this.#running = true;
    try {
      return await task();
    } finally {
      this.#running = false;
      const next = this.#waiting;
      this.#waiting = null;
      // The next one takes over before anyone else can start.
      if (next) {
        this.#running = true;
        next.start();
      }
    }
  }
}
