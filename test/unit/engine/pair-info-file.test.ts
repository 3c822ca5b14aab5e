import { expect, it } from 'vitest';
import type { PickedFile } from '../../../src/datasets/browser-files.ts';
import type { InputFile } from '../../../src/datasets/types.ts';
import { isPairInfoDrop, loadPairInfo } from '../../../src/engine/pair-info-file.ts';

const TEXT = '{"demo_0": [{"demo_name": "demo_1", "raw_dtw_dist": 0.5, "pairing": {"0": [2]}}]}';
const input = (path: string, bytes: Uint8Array<ArrayBuffer>, size = bytes.length): InputFile => ({ path, size, slice: async (start, end) => bytes.slice(start, end).buffer });
const encode = (text: string): Uint8Array<ArrayBuffer> => new TextEncoder().encode(text);
const picked = (path: string, text: string): PickedFile => ({ path, file: new File([text], path) });

it('a file is read with its name and what tells it from others', async () => {
  const loaded = await loadPairInfo([input('folder/pair_info.json', encode(TEXT))]);
  expect(loaded).toMatchObject({ name: 'pair_info.json', warnings: [] });
  expect(loaded.fingerprint).toMatch(/^[0-9a-f]{64}$/);
  expect(loaded.pairs.get('demo_0')).toHaveLength(1);
  expect((await loadPairInfo([input('a.json', encode(`${TEXT} `))])).fingerprint).not.toBe(loaded.fingerprint);
});

it.each<[string, string, readonly InputFile[]]>([
  ['no-pair-info', 'no file', []],
  ['no-pair-info', 'two files', [input('a.json', encode(TEXT)), input('b.json', encode(TEXT))]],
  ['pair-info-too-large', 'a file of 1 GB, which is not even read', [input('a.json', encode(''), 2 ** 30)]],
  ['bad-pair-info', 'what is no UTF-8', [input('a.json', Uint8Array.of(0x7b, 0xe9, 0x7d))]],
  ['bad-pair-info', 'half a file', [input('a.json', encode(TEXT.slice(0, 40)))]],
  ['bad-pair-info', 'an empty file', [input('a.json', encode(''))]],
])('%s: %s', async (code, _, files) => {
  await expect(loadPairInfo(files)).rejects.toMatchObject({ name: 'UserError', code });
});

it.each([
  [true, [picked('pair_info.json', TEXT)]],
  [true, [picked('X.JSON', '{"demo_0": {"paired_demos": []}}')]],
  [false, [picked('pair_info.txt', TEXT)]],
  [false, [picked('train_config.json', '{"ot": {"pair_info_path": "pair_info.json"}}')]],
  [false, [picked('a.json', TEXT), picked('b.json', TEXT)]],
  [false, []],
])('a drop is meant as pairs: %s (%#)', async (meant, files) => expect(await isPairInfoDrop(files)).toBe(meant));
