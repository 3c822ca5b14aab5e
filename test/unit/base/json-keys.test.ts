import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { repeatedKeys } from '../../../src/base/json-keys.ts';

test('keys that stand twice in one object, however they are written', () => {
  expect(repeatedKeys('{"a": 1, "a": 2}')).toEqual(['a']);
  expect(repeatedKeys('{"a" \n : 1, "\\u0061": 2, "a": 3}')).toEqual(['a']);
  expect(repeatedKeys('{"x": [{"k": 1}, {"k": 2}], "y": {"x": {"k": 1, "k": 1}}}')).toEqual(['k']);
  expect(repeatedKeys('{"__proto__": 1, "__proto__": 2}')).toEqual(['__proto__']);
});

test('the same key in different objects, and strings that look like keys, are no repetition', () => {
  expect(repeatedKeys('{"a": {"a": ["a:", "a", "\\"a\\": {"]}, "b": "\\\\", "c": "}"}')).toEqual([]);
  expect(repeatedKeys('["a", "a"]')).toEqual([]);
  expect(repeatedKeys('3')).toEqual([]);
});

test('nothing that JSON.stringify writes repeats a key', () => {
  fc.assert(fc.property(fc.jsonValue(), (value) => repeatedKeys(JSON.stringify(value)).length === 0), { seed: 1, numRuns: 200 });
});

test('deep nesting is followed without recursion', () => {
  expect(repeatedKeys(`${'['.repeat(200_000)}${']'.repeat(200_000)}`)).toEqual([]);
});
