import { describe, expect, it } from 'vitest';
import { digest, fingerprint } from '../../../src/base/digest.ts';
import { DEFAULT_SESSION } from '../../../src/config/session.ts';
import { CHECKPOINT_VERSION, Checkpoints } from '../../../src/store/checkpoints.ts';
import { MemorySlots, runAt, stepIn } from '../../support/saved-run.ts';

/** Slots with steps 1 to `last` written by one page. */
async function written(last: number): Promise<MemorySlots> {
  const slots = new MemorySlots();
  const page = new Checkpoints(slots);
  for (let step = 1; step <= last; step++) await page.write(runAt(step));
  return slots;
}

describe('a checkpoint', () => {
  it.each([false, true])('comes back as it was, bit by bit (averages: %s)', async (averaged) => {
    const slots = new MemorySlots();
    const session = { ...DEFAULT_SESSION, solve: { ...DEFAULT_SESSION.solve, tau1: Infinity } };
    await new Checkpoints(slots).write(runAt(3, session, averaged));
    expect(await new Checkpoints(slots).newest()).toEqual({ kind: 'run', run: runAt(3, session, averaged), stored: true });
  });

  it('of a page that kept no film is read', async () => {
    const slots = new MemorySlots();
    const saved = { ...runAt(3), film: [] };
    await new Checkpoints(slots).write(saved);
    const { head } = slots.slots.get('A')!;
    head.text = (head.text as string).replace(',"film":[]', '');
    expect(head.text).not.toContain('film');
    head.version = 1;
    const digests = await Promise.all([new TextEncoder().encode(head.text as string).buffer, ...slots.slots.get('A')!.body].map((part) => digest(part)));
    head.hash = await fingerprint(digests);
    expect(await new Checkpoints(slots).newest()).toEqual({ kind: 'run', run: saved, stored: true });
  });

  it('is written in turns, by one page after another, and the newest is read', async () => {
    const slots = await written(3);
    expect([slots.slotOf(2), slots.slotOf(3)].toSorted()).toEqual(['A', 'B']);
    expect(await stepIn(slots)).toBe(3);
    await new Checkpoints(slots).write(runAt(4));
    expect([slots.slotOf(3), slots.slotOf(4)].toSorted()).toEqual(['A', 'B']);
    expect(await stepIn(slots)).toBe(4);
    await new Checkpoints(slots).clear();
    expect(await stepIn(slots)).toBe('none');
  });
});

describe('a slot that is not whole', () => {
  const damages: Readonly<Record<string, (held: { head: Record<string, unknown>; body: ArrayBuffer[] }) => void>> = {
    'a bit of a weight': ({ body }) => (new Uint8Array(body.at(-1)!)[0]! ^= 1),
    'a figure of a step': ({ body }) => (new Float64Array(body[0]!)[1] = 7),
    'a cut array': ({ body }) => body.splice(1, 1, body[1]!.slice(4)),
    'a lost array': ({ body }) => body.pop(),
    'arrays exchanged': ({ body }) => body.splice(1, 2, body[2]!, body[1]!),
    'its text': ({ head }) => (head.text = (head.text as string).replace('"seed":3', '"seed":4')),
    'its hash': ({ head }) => (head.hash = '0'.repeat(64)),
    'its head': ({ head }) => delete head.turn,
  };

  it.each(Object.keys(damages))('%s: the other one is read, and written over last', async (name) => {
    const slots = await written(5);
    damages[name]!(slots.slots.get(slots.slotOf(5))!);
    expect(await stepIn(slots)).toBe(4);
    await new Checkpoints(slots).write(runAt(6));
    expect(slots.slotOf(4)).toBeDefined();
    expect(await stepIn(slots)).toBe(6);
  });

  it('both: there is none, and the next one is whole', async () => {
    const slots = await written(2);
    for (const { body } of slots.slots.values()) new Uint8Array(body[2]!)[1]! ^= 4;
    expect(await stepIn(slots)).toBe('none');
    await new Checkpoints(slots).write(runAt(3));
    expect(await stepIn(slots)).toBe(3);
  });
});

describe('a slot of a newer page', () => {
  it('is left for it while there is another, and said when there is not', async () => {
    const slots = await written(2);
    slots.slots.get(slots.slotOf(2))!.head.version = CHECKPOINT_VERSION + 1;
    expect(await stepIn(slots)).toBe(1);
    slots.slots.delete(slots.slotOf(1));
    expect(await stepIn(slots)).toBe('newer');
    // The next run takes its place as the newest.
    await new Checkpoints(slots).write(runAt(3));
    expect(await stepIn(slots)).toBe(3);
  });
});

describe('a storage that does not take it', () => {
  it('full: a sentence, and what was there stays; later there is room again', async () => {
    const slots = await written(2);
    const page = new Checkpoints(slots);
    slots.failure = Object.assign(new Error('no room'), { name: 'QuotaExceededError' });
    await expect(page.write(runAt(3))).rejects.toMatchObject({ name: 'UserError', code: 'checkpoint-full', message: expect.stringMatching(/storage for this page is full, so step 3 is not saved \(under 1 MB\); training goes on\./) });
    expect(await stepIn(slots)).toBe(2);
    // The page that could not write it has it all the same.
    expect(await page.newest()).toEqual({ kind: 'run', run: runAt(3), stored: false });
    slots.failure = null;
    await page.write(runAt(4));
    expect(await page.newest()).toMatchObject({ stored: true });
    expect(await stepIn(slots)).toBe(4);
    expect(slots.slotOf(2)).toBeDefined();
  });

  it('forbidden, or another tab’s: a sentence', async () => {
    const slots = await written(2);
    slots.failure = new Error('A mutation operation was attempted');
    await expect(new Checkpoints(slots).write(runAt(3))).rejects.toMatchObject({ code: 'checkpoint-storage', message: expect.stringContaining('A mutation operation was attempted') });
    slots.failure = null;
    slots.owned = false;
    const other = new Checkpoints(slots);
    await expect(other.write(runAt(9))).rejects.toMatchObject({ code: 'checkpoint-elsewhere' });
    await other.clear();
    expect(await other.newest()).toMatchObject({ stored: true });
    expect(await stepIn(slots)).toBe(2);
  });
});
