import { describe, expect, it, test } from 'vitest';
import { MAX_FRAME_PAIRS, formatPairInfo, parsePairInfo } from '../../../src/core/pairing/pair-info.ts';
import { pairedSamples } from '../../../src/core/pairing/sampler.ts';
import { lerobotSampler } from '../../../src/core/pairing/sampler-settings.ts';
import { sideOfLengths } from '../../../src/core/pairing/sides.ts';
import { entry, pairInfo } from '../../support/pairing.ts';

const parse = (json: unknown): ReturnType<typeof parsePairInfo> => parsePairInfo(JSON.stringify(json), 'pair_info.json');

describe('the shapes that are read', () => {
  const plain = pairInfo({ demo_0: [entry('demo_3', 0.5, [[0, [0, 1]], [1, [2]]]), entry('demo_1', 2, [[1, []]])], demo_1: [] });

  test('{t: [s, …]}', () => {
    const { pairs, warnings } = parse({ demo_0: [{ demo_name: 'demo_3', raw_dtw_dist: 0.5, pairing: { 0: [0, 1], 1: [2] } }, { demo_name: 'demo_1', raw_dtw_dist: 2, pairing: { 1: [] } }], demo_1: [] });
    expect(pairs).toEqual(plain);
    expect(warnings).toEqual([]);
  });

  test('{t: [[s], …]}, of which robomimic would make an error', () => {
    const { pairs, warnings } = parse({ demo_0: [{ demo_name: 'demo_3', raw_dtw_dist: 0.5, pairing: { 0: [[0], [1, 9], []], 1: [[2]] } }, { demo_name: 'demo_1', raw_dtw_dist: 2, pairing: { 1: [] } }], demo_1: [] });
    expect(pairs).toEqual(plain);
    expect(warnings).toEqual([
      '“pair_info.json” writes source frames as [[s], …] (3 of 3); the LeRobot fork reads that, robomimic does not.',
      '“pair_info.json” has 1 inner list of several source frames; only the first of each is read, as in the LeRobot fork.',
    ]);
  });

  test('missing distances, by absence and by null', () => {
    const { pairs, warnings } = parse({ a1: [{ demo_name: 'b1', pairing: {} }, { demo_name: 'b2', raw_dtw_dist: null, pairing: {}, note: 'ignored' }] });
    expect(pairs.get('a1')?.map(({ distance }) => distance)).toEqual([null, null]);
    expect(warnings).toEqual(['“pair_info.json” has 2 entries without raw_dtw_dist; the LeRobot fork gives them weight 1, robomimic raises KeyError.']);
  });

  test('what is written is read again as it was, and is plain [s, …]', () => {
    const odd = new Map([...plain, ['__proto__', [entry('a "b"\n', null, [[7, [1_000_000, 0]]]), entry('7', 1e-300, [])]], ['12', []]]);
    const text = formatPairInfo(odd);
    expect(parsePairInfo(text, 'x').pairs).toEqual(new Map([['12', []], ...[...odd].filter(([name]) => name !== '12')]));
    expect(text).toContain('{"demo_name": "demo_3", "raw_dtw_dist": 0.5, "pairing": {"0": [0, 1], "1": [2]}}');
    expect(text).not.toContain('[[');
  });
});

describe('bad input is refused in one sentence that says where', () => {
  const good = { demo_name: 'demo_3', raw_dtw_dist: 0.5, pairing: { 0: [0] } };
  const third = 'the fields expected are demo_name, raw_dtw_dist and pairing: a pair_info file is {target episode: [{demo_name, raw_dtw_dist, pairing: {target frame: [source frame, …]}}, …]}.';
  it.each<[string, unknown, string]>([
    ['the third-party layout', { demo_0: { paired_demos: [{ demo_name: 'demo_42', dtw_dist: 0.1 }], pairing: { demo_42: [[0, 1]] } } }, third],
    ['the third-party layout at the root', { paired_demos: [] }, third],
    ['the third-party distance', { demo_0: [{ demo_name: 'demo_3', dtw_dist: 0.1, pairing: { 0: [0] } }] }, 'has the field dtw_dist'],
    ['a list pairing', { demo_0: [{ ...good, pairing: [[0, 1]] }] }, 'target “demo_0”, entry 0 (“demo_3”): pairing is a list, which no reader of pair_info takes'],
    ['no pairing', { demo_0: [{ demo_name: 'demo_3' }] }, 'has no pairing; pairing is'],
    ['no name', { demo_0: [good, { raw_dtw_dist: 1, pairing: {} }] }, 'entry 1 has no demo_name'],
    ['a number for a name', { demo_0: [{ ...good, demo_name: 3 }] }, 'entry 0 has the demo_name “3”'],
    ['a distance in quotes', { demo_0: [{ ...good, raw_dtw_dist: '0.5' }] }, 'raw_dtw_dist is “"0.5"”'],
    ['a negative distance', { demo_0: [{ ...good, raw_dtw_dist: -1 }] }, 'raw_dtw_dist is “-1”'],
    ['a target frame that is none', { demo_0: [{ ...good, pairing: { '1.5': [0] } }] }, 'the target frame “1.5” is not a whole number'],
    ['two ways of writing a target frame', { demo_0: [{ ...good, pairing: { 1: [0], '01': [0] } }] }, 'the target frame “01”'],
    ['a source frame that is none', { demo_0: [{ ...good, pairing: { 0: [0, 0.5] } }] }, 'target frame 0 is paired with “0.5”'],
    ['a source frame in quotes', { demo_0: [{ ...good, pairing: { 0: ['3'] } }] }, 'is paired with “"3"”'],
    ['a target frame written as no Python integer is', { demo_0: [{ ...good, pairing: { '1e3': [0] } }] }, 'the target frame “1e3” is not a whole number'],
    ['lists in lists in lists', { demo_0: [{ ...good, pairing: { 0: [[[3]]] } }] }, 'is paired with a list'],
    ['a number for partners', { demo_0: [{ ...good, pairing: { 0: 3 } }] }, 'has “3” where a list of source frames belongs'],
    ['an object for entries', { demo_0: good }, 'an object stands where a list'],
    ['a string for an entry', { demo_0: ['demo_3'] }, 'entry 0: “"demo_3"” stands where an object'],
    ['a list', [], 'holds no JSON object'],
  ])('%s', (_, json, sentence) => {
    const read = (): unknown => parse(json);
    expect(read).toThrow(expect.objectContaining({ name: 'UserError', code: 'bad-pair-info' }));
    expect(read).toThrow(sentence);
    expect(read).not.toThrow('\n');
  });

  it('text that is no JSON, with the reason where there is one', () => {
    expect(() => parsePairInfo('{"demo_0": [', 'cut.json')).toThrow('“cut.json” is not valid JSON');
    expect(() => parsePairInfo('{"demo_0": [{"demo_name": "a", "raw_dtw_dist": Infinity, "pairing": {}}]}', 'inf.json')).toThrow('“inf.json” holds NaN or Infinity');
    expect(() => parsePairInfo('1e999', 'n.json')).toThrow('holds no JSON object');
    expect(() => parsePairInfo('{"d0": [{"demo_name": "a", "raw_dtw_dist": 1e999, "pairing": {}}]}', 'n.json')).toThrow('raw_dtw_dist is “null”');
  });

  it('more frame pairs than are kept', () => {
    const partners = `[${'0,'.repeat(MAX_FRAME_PAIRS / 2)}0]`;
    expect(() => parsePairInfo(`{"d0": [{"demo_name": "a", "pairing": {"0": ${partners}, "1": ${partners}}}]}`, 'big.json')).toThrow('pairs more than 8,000,000 frames');
  });
});

describe('what is read with a warning', () => {
  test('keys that stand twice', () => {
    const { pairs, warnings } = parsePairInfo('{"d0": [], "d0": [{"demo_name": "s1", "raw_dtw_dist": 1, "pairing": {"0": [1], "0": [2]}}]}', 'p.json');
    expect(pairs).toEqual(pairInfo({ d0: [entry('s1', 1, [[0, [2]]])] }));
    expect(warnings).toEqual(['“p.json” has 2 keys twice in one object (“d0”, “0”); the last of each is what counts, in Python too.']);
  });

  test('a source episode that is listed twice', () => {
    expect(parse({ d0: [{ demo_name: 's1', raw_dtw_dist: 1, pairing: {} }, { demo_name: 's1', raw_dtw_dist: 2, pairing: {} }] }).warnings).toEqual(['“pair_info.json” lists 1 source episode twice under one target (“s1”); both count.']);
  });

  test('a million entries (six seconds of work, more on a busy machine)', { timeout: 300_000 }, () => {
    const text = `{"d0": [${Array.from({ length: 1_000_000 }, (_, k) => `{"demo_name":"s${k}","raw_dtw_dist":1e308,"pairing":{"0":[0]}}`).join(',')}]}`;
    expect(parsePairInfo(text, 'm.json').pairs.get('d0')).toHaveLength(1_000_000);
  });

  test('frames that no dataset has: read, and left to the sampler to skip and count', () => {
    const far = '9'.repeat(30);
    const { pairs } = parsePairInfo(`{"d0": [{"demo_name": "s0", "pairing": {"0": [0, -1, 2147483648, ${far}], "${far}": [0], "-3": [0]}}]}`, 'p.json');
    expect(pairs.get('d0')![0]!.frames.sources).toEqual([0, -1, 2 ** 31, Number(far), 0, 0]);
    const { samples, warnings } = pairedSamples(pairs, sideOfLengths([3], 0), sideOfLengths([3], 0), lerobotSampler());
    expect(samples).toMatchObject([{ target: 0, candidates: Int32Array.of(0) }]);
    expect(warnings[0]).toContain('5 of 6 frame pairs lie outside the datasets and were skipped');
  });

  test('names that mean something to JavaScript, and a byte order mark', () => {
    const { pairs } = parsePairInfo('\uFEFF{"__proto__": [{"demo_name": "constructor", "pairing": {}}]}', 'p.json');
    expect([...pairs.keys()]).toEqual(['__proto__']);
    expect(Object.getPrototypeOf({})).toBe(Object.prototype);
  });
});
