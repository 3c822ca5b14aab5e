import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { expect, it } from 'vitest';
import { errorSentence } from '../../../src/words/errors.ts';

const SRC = resolve(import.meta.dirname, '../../../src');
/** Where training's own errors are thrown. */
const TRAINING = ['config/trained-terms.ts', 'engine/trainer.ts', 'engine/training.ts', 'engine/training-data.ts', 'training', 'encoders/autodiff'];

function sources(path: string): string[] {
  if (!statSync(path).isDirectory()) return [readFileSync(path, 'utf8')];
  return readdirSync(path).flatMap((name) => sources(join(path, name)));
}

it('every error that training may meet has its gist in Chinese, and the English sentence beneath it', () => {
  const thrown = TRAINING.flatMap((path) => sources(join(SRC, path))).flatMap((text) => Array.from(text.matchAll(/new UserError\(\s*'([a-z-]+)'|super\(\s*'([a-z-]+)'/g), ([, made, inherited]) => made ?? inherited!));
  const codes = [...new Set(thrown)];
  expect(codes).toEqual(expect.arrayContaining(['train-no-encoder', 'train-two-inputs', 'encoder-untrainable', 'encoder-parameter', 'bad-head', 'missing-key', 'width-mismatch', 'no-training', 'training-nan', 'checkpoint-mismatch']));
  const bare = codes.filter((code) => !/\p{Script=Han}/u.test(errorSentence({ code, message: 'It is so.', detail: {} }, 'zh').sentence));
  expect(bare).toEqual([]);
  for (const code of codes) {
    expect(errorSentence({ code, message: 'It is so.', detail: {} }, 'zh').original).toBe('It is so.');
    expect(errorSentence({ code, message: 'It is so.', detail: {} }, 'en')).toEqual({ sentence: 'It is so.', original: null });
  }
});
