import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { childHandle } from '../../../scripts/node/read-dataset.ts';
import { openDataset } from '../../../src/datasets/open.ts';
import type { Dataset } from '../../../src/datasets/types.ts';
import type { ReaderHandle, ReaderMessage } from '../../../src/engine/supervise.ts';
import { defaultWatchdogMs, supervise, thinned } from '../../../src/engine/supervise.ts';
import { file, frameColumns, parquet } from './make.ts';

/** A reader that says what the test lets it say. */
class Puppet implements ReaderHandle<Dataset> {
  say: (message: ReaderMessage<Dataset>) => void = () => undefined;
  die: () => void = () => undefined;
  kills = 0;

  listen(onMessage: (message: ReaderMessage<Dataset>) => void, onDeath: () => void): void {
    this.say = onMessage;
    this.die = onDeath;
  }

  kill(): void {
    this.kills++;
  }
}

async function someDataset(): Promise<Dataset> {
  return openDataset([file('a.parquet', parquet(frameColumns([[0, 3]])))]);
}

const progress: ReaderMessage<Dataset> = { type: 'progress', progress: { step: 'table', done: 1, total: 2 } };

describe('a supervised reader', () => {
  beforeEach(() => {
    vi.useFakeTimers();
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  it('hands over its dataset and is killed once', async () => {
    const reader = new Puppet();
    const seen: number[] = [];
    const read = supervise(reader, { onProgress: ({ done }) => seen.push(done) });
    const dataset = await someDataset();
    reader.say(progress);
    reader.say({ type: 'done', result: dataset });
    reader.die();
    reader.say(progress);
    await expect(read).resolves.toBe(dataset);
    expect(seen).toEqual([1]);
    expect(reader.kills).toBe(1);
    expect(vi.getTimerCount()).toBe(0);
  });

  it('passes its refusal on', async () => {
    const reader = new Puppet();
    const read = supervise(reader, {});
    reader.say({ type: 'failed', error: { code: 'damaged', message: 'It is damaged.', detail: { cause: 'x' } } });
    await expect(read).rejects.toMatchObject({ name: 'UserError', code: 'damaged', message: 'It is damaged.', detail: { cause: 'x' } });
    expect(reader.kills).toBe(1);
  });

  it('is ended when it stops making progress', async () => {
    const reader = new Puppet();
    const read = expect(supervise(reader, {})).rejects.toMatchObject({
      code: 'reader-stalled',
      message: 'Reading stopped making progress for 20 seconds and was ended; a file is probably damaged, try a smaller part of the dataset.',
    });
    vi.advanceTimersByTime(defaultWatchdogMs - 1);
    reader.say(progress);
    vi.advanceTimersByTime(defaultWatchdogMs - 1);
    expect(reader.kills).toBe(0);
    vi.advanceTimersByTime(1);
    await read;
    expect(reader.kills).toBe(1);
  });

  it('is reported when it dies', async () => {
    const reader = new Puppet();
    const read = supervise(reader, {});
    reader.die();
    await expect(read).rejects.toMatchObject({
      code: 'reader-died',
      message: 'The reader ended without an answer; a file is probably damaged or too large for the memory here, try a smaller part of the dataset.',
    });
    expect(vi.getTimerCount()).toBe(0);
  });

  it('is ended by an abort, before or during the read', async () => {
    const reader = new Puppet();
    const controller = new AbortController();
    const read = supervise(reader, { signal: controller.signal });
    controller.abort();
    await expect(read).rejects.toMatchObject({ code: 'cancelled', message: 'Reading was cancelled.' });
    expect(reader.kills).toBe(1);
    await expect(supervise(reader, { signal: AbortSignal.abort() })).rejects.toMatchObject({ code: 'cancelled' });
    expect(reader.kills).toBe(2);
    expect(vi.getTimerCount()).toBe(0);
  });

  it('thins progress to a few hundred messages', () => {
    const passed: number[] = [];
    const report = thinned(({ done }) => passed.push(done));
    for (let done = 0; done <= 100_000; done++) report({ step: 'table', done, total: 100_000 });
    expect(passed.length).toBe(201);
    expect(passed.at(-1)).toBe(100_000);
  });
});

describe('a child process', () => {
  const misbehave = fileURLToPath(new URL('misbehave.child.ts', import.meta.url));

  it.each([
    ['aborts, as V8 does when memory runs out', 'abort', 'reader-died'],
    ['is killed from outside', 'kill', 'reader-died'],
    ['exits without a word', 'exit', 'reader-died'],
    ['throws', 'throw', 'reader-died'],
    ['hangs', 'hang', 'reader-stalled'],
  ])('that %s costs one error and nothing else', async (_what, how, code) => {
    // None of these children says anything, so that a short watchdog and a long one end the same.
    const watchdogMs = how === 'hang' ? 1000 : defaultWatchdogMs;
    await expect(supervise(childHandle(misbehave, how), { watchdogMs })).rejects.toMatchObject({ name: 'UserError', code });
  });
});
