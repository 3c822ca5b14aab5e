import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { LatestOnly } from '../../../src/base/latest.ts';

/** A task that ends when told. */
function held<T>(): { run: () => Promise<T>; end: (value: T) => void; fail: (error: Error) => void; started: () => boolean } {
  let end!: (value: T) => void;
  let fail!: (error: Error) => void;
  const promise = new Promise<T>((resolve, reject) => {
    end = resolve;
    fail = reject;
  });
  let started = false;
  return {
    run: () => {
      started = true;
      return promise;
    },
    end,
    fail,
    started: () => started,
  };
}

/** Let everything that can go on go on. */
const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe('latest only', () => {
  it('runs a task at once and gives its value', async () => expect(await new LatestOnly().run(() => Promise.resolve(7))).toBe(7));

  it('runs one at a time; of those that wait only the newest has its turn', async () => {
    const latest = new LatestOnly();
    const [a, b, c, d] = [held<string>(), held<string>(), held<string>(), held<string>()];
    const results = [a, b, c, d].map(({ run }) => latest.run(run));
    await settle();
    expect([a, b, c, d].map(({ started }) => started())).toEqual([true, false, false, false]);
    // The dropped ones know at once, without waiting for the first.
    expect(await Promise.all([results[1], results[2]])).toEqual([null, null]);
    a.end('a');
    await settle();
    expect(d.started()).toBe(true);
    d.end('d');
    expect(await Promise.all(results)).toEqual(['a', null, null, 'd']);
    expect([b.started(), c.started()]).toEqual([false, false]);
  });

  it('a failure is its own caller’s and the next still has its turn', async () => {
    const latest = new LatestOnly();
    const [a, b] = [held<string>(), held<string>()];
    const failed = expect(latest.run(a.run)).rejects.toThrow('broken');
    const next = latest.run(b.run);
    a.fail(new Error('broken'));
    await failed;
    b.end('b');
    expect(await next).toBe('b');
    expect(await latest.run(() => Promise.resolve('c'))).toBe('c');
  });

  it('a task that throws before it starts is a failure too', async () => {
    const latest = new LatestOnly();
    await expect(
      latest.run(() => {
        throw new Error('at once');
      }),
    ).rejects.toThrow('at once');
    expect(await latest.run(() => Promise.resolve(1))).toBe(1);
  });

  it('a request from within the end of another waits behind the one that waited', async () => {
    const latest = new LatestOnly();
    const [a, b, c] = [held<string>(), held<string>(), held<string>()];
    const first = latest.run(a.run).then(() => latest.run(c.run));
    const second = latest.run(b.run);
    a.end('a');
    await settle();
    expect([b.started(), c.started()]).toEqual([true, false]);
    b.end('b');
    await settle();
    expect(c.started()).toBe(true);
    c.end('c');
    expect(await Promise.all([first, second])).toEqual(['c', 'b']);
  });

  it('whatever the order: never two at once, the last one always runs, every caller is answered', async () => {
    await fc.assert(
      fc.asyncProperty(fc.scheduler(), fc.array(fc.nat(3), { minLength: 1, maxLength: 12 }), async (scheduler, pauses) => {
        const latest = new LatestOnly();
        let running = 0;
        const results: Promise<number | null>[] = [];
        for (const [k, pause] of pauses.entries()) {
          results.push(
            latest.run(async () => {
              expect(++running).toBe(1);
              await scheduler.schedule(Promise.resolve());
              running--;
              return k;
            }),
          );
          if (pause === 0) await scheduler.waitFor(Promise.race([...results, Promise.resolve()]));
        }
        await scheduler.waitFor(Promise.all(results));
        const values = await Promise.all(results);
        expect(values.at(-1)).toBe(pauses.length - 1);
        for (const [k, value] of values.entries()) expect([k, null]).toContain(value);
      }),
    );
  });
});
