import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { UserError } from '../../../src/base/errors.ts';
import { DEFAULT_SESSION } from '../../../src/config/session.ts';
import { EngineClient, WORK_WITHIN_MS } from '../../../src/engine/client.ts';
import type { EngineReply, EngineRequest, EngineSignal } from '../../../src/engine/protocol.ts';

/** An engine that says what the test lets it say. */
class Puppet extends EventTarget {
  readonly asked: EngineRequest[] = [];
  ended = false;

  postMessage(request: EngineRequest): void {
    this.asked.push(request);
  }

  terminate(): void {
    this.ended = true;
  }

  say(message: EngineReply | EngineSignal): void {
    this.dispatchEvent(new MessageEvent('message', { data: message }));
  }
}

const work = (what: string): EngineSignal => ({ type: 'working', work: { what, file: 'net.onnx' } });
const idle: EngineSignal = { type: 'working', work: null };

describe('an engine at work on an encoder', () => {
  let engines: Puppet[] = [];
  let deaths: UserError[] = [];
  let client: EngineClient;
  const make = (workWithinMs?: number): EngineClient =>
    new EngineClient(
      () => {
        engines.push(new Puppet());
        return engines.at(-1) as unknown as Worker;
      },
      (reason) => deaths.push(reason),
      workWithinMs,
    );
  const failure = (request: Promise<unknown>): Promise<UserError> => request.then(() => expect.fail('resolved'), (error: UserError) => error);

  beforeEach(() => {
    vi.useFakeTimers();
    [engines, deaths] = [[], []];
    client = make();
  });
  afterEach(() => vi.useRealTimers());

  it('is ended when one run takes too long, and what waits is told why', async () => {
    const failed = failure(client.clear('source'));
    engines[0]!.say(work('loading net.onnx'));
    vi.advanceTimersByTime(WORK_WITHIN_MS - 1);
    engines[0]!.say(idle);
    engines[0]!.say(work('running net.onnx'));
    vi.advanceTimersByTime(WORK_WITHIN_MS - 1);
    expect(deaths).toEqual([]);
    vi.advanceTimersByTime(1);
    const error = await failed;
    expect(error).toMatchObject({ name: 'UserError', code: 'encoder-hung', message: 'The engine did not return from running net.onnx for 60 seconds and was started again; the encoder may be too heavy for this machine.', detail: { file: 'net.onnx' } });
    expect(deaths).toEqual([error]);
    expect(engines.map(({ ended }) => ended)).toEqual([true, false]);
    // What the old one still says concerns nobody.
    engines[0]!.say(work('running net.onnx'));
    vi.advanceTimersByTime(WORK_WITHIN_MS);
    expect(deaths).toHaveLength(1);
    const cleared = client.clear('source');
    engines[1]!.say({ type: 'done', id: engines[1]!.asked[0]!.id });
    await cleared;
  });

  it('may take a limit of its own', async () => {
    const failed = failure(make(500).clear('source'));
    engines.at(-1)!.say(work('running net.onnx'));
    vi.advanceTimersByTime(500);
    expect((await failed).message).toMatch(/for 0\.5 seconds/);
  });

  it('is ended when it says itself that the runtime will not recover', async () => {
    const [asks, waits] = [failure(client.clear('source')), failure(client.clear('target'))];
    engines[0]!.say({ type: 'failed', id: engines[0]!.asked[0]!.id, error: { code: 'encoder-lost', message: 'The GPU was lost.', detail: { file: 'net.onnx' } } });
    expect(await asks).toMatchObject({ code: 'encoder-lost', detail: { file: 'net.onnx' } });
    expect(await waits).toMatchObject({ code: 'encoder-lost' });
    expect(deaths).toHaveLength(1);
    expect(engines.map(({ ended }) => ended)).toEqual([true, false]);
  });

  it('and any other failure ends nothing', async () => {
    const failed = failure(client.clear('source'));
    engines[0]!.say({ type: 'failed', id: engines[0]!.asked[0]!.id, error: { code: 'encoder-shape', message: 'It does not fit.', detail: {} } });
    expect(await failed).toMatchObject({ code: 'encoder-shape' });
    expect(deaths).toEqual([]);
  });

  it('has time for many runs that each are short, and none to be silent', async () => {
    const failed = failure(client.clear('source'));
    for (let run = 0; run < 30; run++) {
      engines[0]!.say(work('running net.onnx'));
      vi.advanceTimersByTime(10_000);
      engines[0]!.say(idle);
    }
    expect(deaths).toEqual([]);
    vi.advanceTimersByTime(90_000);
    expect(await failed).toMatchObject({ code: 'engine-died' });
    expect(deaths).toMatchObject([{ code: 'engine-died' }]);
  });

  it('trains for as long as steps are told, and is ended where they cease', async () => {
    const status = { step: 1, steps: 9, playing: true, kept: [], unkept: null, averaged: false, file: 'net.onnx', runsOn: null, error: null };
    const failed = failure(client.train(DEFAULT_SESSION, null, () => undefined));
    for (let step = 0; step < 9; step++) {
      vi.advanceTimersByTime(80_000);
      engines[0]!.say({ type: 'training', id: engines[0]!.asked[0]!.id, metrics: [], status });
    }
    expect(deaths).toEqual([]);
    vi.advanceTimersByTime(90_000);
    expect(await failed).toMatchObject({ code: 'engine-died' });
    expect(deaths).toHaveLength(1);
  });
});
