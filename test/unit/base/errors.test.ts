import { expect, test } from 'vitest';
import { assert, unreachable } from '../../../src/base/assert.ts';
import { errorFromReport, reportError, UserError } from '../../../src/base/errors.ts';

test('a user error crosses a boundary unchanged', () => {
  const error = new UserError('bad-slice', 'The slice is wrong.', { key: 'action', shape: '(4, 7)' });
  const report = reportError(error);
  expect(structuredClone(report)).toEqual({ code: 'bad-slice', message: 'The slice is wrong.', detail: { key: 'action', shape: '(4, 7)' } });
  const back = errorFromReport(structuredClone(report));
  expect(back).toBeInstanceOf(UserError);
  expect([back.name, back.code, back.message, back.detail]).toEqual(['UserError', error.code, error.message, error.detail]);
  expect(reportError(back)).toEqual(report);
});

test.each([[new TypeError('x is undefined'), 'x is undefined'], ['text', 'text'], [42, '42'], [undefined, 'undefined']])('anything else is a defect of ours: %s', (thrown, text) => {
  expect(reportError(thrown)).toEqual({ code: 'internal', message: `Something went wrong inside the playground: ${text}`, detail: {} });
});

test('assertions', () => {
  expect(() => assert(true, 'fine')).not.toThrow();
  expect(() => assert(0, 'broken')).toThrow('invariant: broken');
  const impossible: unknown = { kind: 'new' };
  // @ts-expect-error a case that the types rule out
  expect(() => unreachable(impossible)).toThrow('invariant: unreachable case {"kind":"new"}');
});
