import { describe, expect, it } from 'vitest';
import { METHODS, methodOf, methodText, parseMethod, parseSeeds, withMethod, type Method } from '../../../src/config/methods.ts';
import { DEFAULT_SESSION, readSession, writeSession } from '../../../src/config/session.ts';

const base = methodOf(DEFAULT_SESSION);

describe('a method', () => {
  it('of the demo as it opens is UOT on pairs', () => expect(base).toEqual({ kind: 'uot', paired: true, window: 2 }));

  it.each(METHODS.flatMap((kind) => [['paired', 2], ['paired', 10], ['paired', 'episode'], ['random', 2]].map(([how, window]) => ({ kind, paired: how === 'paired', window }) as Method)))('$kind, paired: $paired, window $window: a session has it, a link keeps it, and from any session it is the same', (method) => {
    const session = withMethod(DEFAULT_SESSION, method);
    expect(methodOf(session)).toEqual(method);
    expect(readSession(JSON.parse(writeSession(session)))).toEqual({ kind: 'session', session });
    for (const other of METHODS) expect(methodOf(withMethod(withMethod(DEFAULT_SESSION, { ...base, kind: other }), method))).toEqual(method);
    // Going by another method and back changes nothing.
    expect(withMethod(withMethod(session, { ...base, kind: 'cotrain' }), method)).toEqual(session);
  });

  it('as text can be read again', () => {
    for (const kind of METHODS) for (const method of [{ ...base, kind }, { ...base, kind, window: 10 }, { ...base, kind, window: 'episode' as const }, { kind, paired: false, window: base.window }]) {
      const text = methodText(method, base);
      expect(methodText(parseMethod(text, base), base)).toBe(text);
    }
    expect(methodText({ ...base, window: 0 }, base)).toBe('uot/0');
    expect(methodText({ ...base, paired: false }, base)).toBe('uot/random');
    expect(parseMethod(' diagonal/episode ', base)).toEqual({ kind: 'diagonal', paired: true, window: 'episode' });
  });

  it.each(['', 'sinkhorn', 'uot/', 'uot/-1', 'uot/2.5', 'uot/random/2', 'UOT', '__proto__'])('%j is none', (text) => expect(() => parseMethod(text, base)).toThrow(expect.objectContaining({ code: 'bad-method' }) as Error));
});

describe('seeds', () => {
  it('are numbers and half-open ranges', () => expect(parseSeeds('20:23, 40 41')).toEqual([20, 21, 22, 40, 41]));
  it.each(['', '  ', '5:5', '7:3', '-1', '1.5', 'a', '0:257', '0:200,300:400', '1e9', '0:99999999999'])('%j names none', (text) => expect(() => parseSeeds(text)).toThrow(expect.objectContaining({ code: 'bad-seeds' }) as Error));
  it('that are named twice are refused by name', () => expect(() => parseSeeds('1:4, 3')).toThrow(/Seed 3 is named twice/));
});
