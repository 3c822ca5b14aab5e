import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { UserError } from '../../../src/base/errors.ts';
import { importConfig } from '../../../src/config/import.ts';
import type { NullTau } from '../../../src/config/imported.ts';
import { exportLerobot } from '../../../src/config/lerobot.ts';
import { exportRobomimic } from '../../../src/config/robomimic.ts';
import { beyondLimits } from '../../support/session.ts';

const FEATURE = '{"src_key": "action", "tgt_key": "action", "weight_label": 1.0}';
interface Parts {
  readonly loss?: string;
  readonly features?: string;
  readonly ot?: string;
  readonly top?: string;
}
/** A small LeRobot config with more text in some places. */
const config = ({ loss = '', features = FEATURE, ot = '', top = '' }: Parts = {}): string =>
  `{"batch_size": 100, ${top}"ot": {"enable": true, "obs_keys": ["observation.state"], ${ot}"loss_config": {"features": [${features}], ${loss || '"reg": 0.1, "tau_src": 0.5, "tau_tgt": 0.5, "heuristic": false'}}}}`;
const robomimic = (params: string): string => `{"algo": {"ot": {${params}}}, "train": {"ot": {"batch_size": 32}}}`;

const refusal = (text: string): UserError => {
  try {
    importConfig(text, 'cfg.json');
  } catch (thrown) {
    if (thrown instanceof UserError) return thrown;
    throw thrown;
  }
  throw new Error('not refused');
};

describe('what is refused, in one sentence or two', () => {
  it.each<[string, string, RegExp]>([
    ['an empty file', '', /^cfg\.json is not JSON: the file ends too early at line 1, column 1\./],
    ['a text', 'hello', /^cfg\.json is not JSON: "hello" is no value at line 1, column 1\./],
    ['YAML', 'ot:\n  reg: 0.1', /is not JSON: "ot" is no value at line 1/],
    ['half a file', config().slice(0, 80), /is not JSON: .* at line 1, column/],
    ['two files in one', `${config()}${config()}`, /something follows the end of the object/],
    ['a trailing comma', '{"ot": {},}', /a key in double quotes is missing at line 1, column 11/],
    ['single quotes', "{'ot': 1}", /a key in double quotes is missing/],
    ['a comment', '{"ot": 1 // reg\n}', /a comma or } is missing at line 1, column 10/],
    ['a line break in a text', '{"ot": "a\nb"}', /a text holds a character that must be escaped/],
    ['a text without end', '{"ot": "a', /a text does not end/],
    ['a number like 01', '{"ot": 01}', /a comma or } is missing/],
    ['a number like .5', '{"ot": .5}', /a value is missing/],
    ['deep nesting', '['.repeat(100_000), /values are nested more than 64 deep/],
    ['a list', '[1]', /^cfg\.json holds no object but a list\./],
    ['null', 'null', /^cfg\.json holds no object but a single value\./],
    ['a huge file', ' '.repeat(300 * 1024), /^cfg\.json holds 300 kB of text; a training config has a few/],
    ['a large remainder', config({ top: `"more": "${'x'.repeat(100_000)}", ` }), /^cfg\.json holds more than 32 kB of settings/],
    ['no ot', '{"policy": {"type": "act"}}', /^cfg\.json says nothing of optimal transport\. .*algo\.ot, train\.ot or ot_params\.$/],
    ['robomimic without OT', '{"algo_name": "bc", "algo": {"ot": {}}}', /^cfg\.json says nothing of optimal transport/],
    ['only __proto__ has it', '{"__proto__": {"ot": {"loss_config": {}}}}', /^cfg\.json says nothing of optimal transport/],
    ['ot null', '{"ot": null}', /^"ot" in cfg\.json is null; it must be an object such as/],
    ['ot a list', '{"ot": [1]}', /^"ot" in cfg\.json is a list; it must be an object/],
    ['no loss_config', '{"ot": {"enable": true}}', /^"ot\.loss_config" is missing in cfg\.json; it must be an object such as/],
    ['features one level up', `{"ot": {"features": [${FEATURE}], "loss_config": {"reg": 1}}}`, /^"ot\.loss_config\.features" is missing in cfg\.json; it must be a list of features\.$/],
    ['features an object', '{"ot": {"loss_config": {"features": {}}}}', /^"ot\.loss_config\.features" in cfg\.json is an object; it must be a list/],
    ['too many features', config({ features: Array.from({ length: 17 }, () => FEATURE).join(',') }), /at most 16 features, and not of 17\.$/],
    ['a feature that is a key', config({ features: '"action"' }), /^"ot\.loss_config\.features\[0\]" in cfg\.json is the text "action"; it must be an object/],
    ['a feature without a key', config({ features: '{"src_key": "action"}' }), /^"ot\.loss_config\.features\[0\]\.tgt_key" is missing in cfg\.json; it must be a text/],
    ['a feature of null', config({ features: '{"src_key": null, "tgt_key": "a"}' }), /features\[0\]\.src_key" in cfg\.json is null; it must be a text/],
    ['a long key', config({ features: `{"src_key": "${'k'.repeat(201)}", "tgt_key": "a"}` }), /src_key" in cfg\.json is the text "k+…"; it must be a text of at most 200 letters/],
    ['a weight below 0', config({ features: '{"src_key": "a", "tgt_key": "a", "weight_label": -1}' }), /weight_label" in cfg\.json is -1; it must be a number from 0 to 1000000000\.$/],
    ['a weight in quotes', config({ features: '{"src_key": "a", "tgt_key": "a", "weight_embed": "0.3"}' }), /weight_embed" in cfg\.json is the text "0\.3"; it must be a number .* without quotes\.$/],
    ['a weight of true', config({ features: '{"src_key": "a", "tgt_key": "a", "term_weight": true}' }), /term_weight" in cfg\.json is true; it must be a number/],
    ['a slice of one', config({ features: '{"src_key": "a", "tgt_key": "a", "dim_slice": [8]}' }), /dim_slice" in cfg\.json is a list; it must be null or a list of two whole numbers, such as \[0, 8\]/],
    ['a slice from the end', config({ features: '{"src_key": "a", "tgt_key": "a", "dim_slice": [-3, -1]}' }), /dim_slice/],
    ['a slice with a step', config({ features: '{"src_key": "a", "tgt_key": "a", "dim_slice": [0, 8, 2]}' }), /dim_slice/],
    ['use_learned_embed = 1', config({ features: '{"src_key": "a", "tgt_key": "a", "use_learned_embed": 1}' }), /use_learned_embed" in cfg\.json is 1; it must be true or false\.$/],
    ['reg 0', config({ loss: '"reg": 0' }), /^"ot\.loss_config\.reg" in cfg\.json is 0; it must be a number from 1e-12 to 1000000000000\.$/],
    ['reg null', config({ loss: '"reg": null' }), /^"ot\.loss_config\.reg" in cfg\.json is null; it must be a number/],
    ['a window of null', config({ ot: '"window_size": null, ' }), /window_size" in cfg\.json is null; it must be a whole number/],
    ['a weight of null', config({ features: '{"src_key": "a", "tgt_key": "a", "weight_label": null}' }), /weight_label" in cfg\.json is null; it must be a number/],
    ['a switch of null', config({ ot: '"no_window": null, ' }), /no_window" in cfg\.json is null; it must be true or false/],
    ['keys of null', config({ ot: '"obs_keys": null, ' }), /obs_keys" in cfg\.json is null; it must be a list/],
    ['reg below 0', config({ loss: '"reg": -0.1' }), /reg" in cfg\.json is -0\.1;/],
    ['reg in quotes', config({ loss: '"reg": "0.1"' }), /reg" in cfg\.json is the text "0\.1"; it must be a number .* without quotes/],
    ['reg NaN', config({ loss: '"reg": NaN' }), /^"ot\.loss_config\.reg" in cfg\.json is NaN, which no training can use\. Write a finite number\.$/],
    ['reg Infinity', config({ loss: '"reg": Infinity' }), /reg" in cfg\.json is Infinity, which/],
    ['reg 1e400', config({ loss: '"reg": 1e400' }), /reg" in cfg\.json is 1e400; it must be a number from/],
    ['τ −Infinity', config({ loss: '"tau_src": -Infinity' }), /tau_src" in cfg\.json is -Infinity, which/],
    ['τ NaN', config({ loss: '"tau_src": NaN, "tau_tgt": 1' }), /tau_src" in cfg\.json is NaN, which/],
    ['τ 0', config({ loss: '"tau_src": 0.0, "tau_tgt": 1' }), /tau_src" in cfg\.json is 0\.0; it must be a number from/],
    ['τ "inf"', config({ loss: '"tau_src": "inf"' }), /tau_src" in cfg\.json is the text "inf"; it must be a number/],
    ['τ a pair', config({ loss: '"tau_src": [1, 2]' }), /tau_src" in cfg\.json is a list; it must be a number/],
    ['NaN where nobody looks', config({ top: '"optimizer": {"betas": [0.9, NaN]}, ' }), /^"optimizer\.betas\[1\]" in cfg\.json is NaN/],
    ['heuristic in quotes', config({ loss: '"heuristic": "true"' }), /heuristic" in cfg\.json is the text "true"; it must be true or false/],
    ['half a window', config({ ot: '"window_size": 2.5, ' }), /window_size" in cfg\.json is 2\.5; it must be a whole number from 0/],
    ['a window of −2', config({ ot: '"window_size": -2, ' }), /window_size" in cfg\.json is -2;/],
    ['a share above 1', config({ ot: '"bc_src_weight": 1.5, ' }), /bc_src_weight" in cfg\.json is 1\.5; it must be a number from 0 to 1\.$/],
    ['a ratio below 0', config({ ot: '"batch_ratio": -1, ' }), /batch_ratio" in cfg\.json is -1;/],
    ['keys that are no list', config().replace('["observation.state"]', '"observation.state"'), /obs_keys" in cfg\.json is the text "observation\.state"; it must be a list of at most 64 keys\.$/],
    ['keys that are no texts', config().replace('["observation.state"]', '["a", 3]'), /obs_keys\[1\]" in cfg\.json is 3; it must be a text/],
    ['a batch of 0', config().replace('"batch_size": 100', '"batch_size": 0'), /^"batch_size" in cfg\.json is 0; it must be a whole number from 1/],
    ['robomimic with reg null', robomimic('"reg": null, "tau1": 1, "tau2": 1'), /^"algo\.ot\.reg" in cfg\.json is null; it must be a number/],
    ['robomimic with τ null', robomimic('"reg": 1, "tau1": null, "tau2": 1'), /^"algo\.ot\.tau1" in cfg\.json is null; it must be a number/],
    ['robomimic without τ₂', robomimic('"reg": 1, "tau1": 1'), /^"algo\.ot\.tau2" is missing in cfg\.json; it must be a number/],
    ['robomimic with a label of 3', robomimic('"reg": 1, "tau1": 1, "tau2": 1, "label": 3'), /^"algo\.ot\.label" in cfg\.json is 3; it must be a text/],
  ])('%s', (_, text, sentence) => {
    const { code, message } = refusal(text);
    expect(['bad-config', 'config-too-large', 'no-ot']).toContain(code);
    expect(message).toMatch(sentence);
    expect(message).not.toContain('\n');
    expect(message.length).toBeLessThan(400);
  });
});

describe('what is questionable', () => {
  const codes = (text: string, nullTau?: NullTau): string[] => importConfig(text, 'cfg.json', undefined, nullTau).findings.map(({ code }) => code);
  const camera = (name: string, more = ''): string => `{"src_key": "observation.images.${name}", "tgt_key": "observation.images.${name}", "use_learned_embed": true, "weight_label": 0${more}}`;

  it.each<[string, string, string[]]>([
    ['nothing', config(), []],
    ['the mask', config({ loss: '"reg": 1, "tau_src": 1, "tau_tgt": 1, "heuristic": true' }), ['hard-diagonal']],
    ['one null', config({ loss: '"reg": 1, "tau_tgt": 1' }), ['tau-one-null']],
    ['both null', config({ loss: '"reg": 1, "tau_src": null, "tau_tgt": null' }), ['tau-both-null']],
    ['a weight that counts for nothing', config({ features: '{"src_key": "action", "tgt_key": "action", "weight_embed": 0.3}' }), ['embed-weight-ignored']],
    ['a term without weight', config({ features: '{"src_key": "action", "tgt_key": "action", "weight_label": 0}' }), ['no-weight']],
    ['a term weight', config({ features: FEATURE.replace('1.0', '1.0, "term_weight": 0.3333') }), ['term-weight-ignored']],
    ['two terms of one name', config({ features: `${FEATURE}, ${FEATURE}, ${FEATURE}` }), ['duplicate-terms']],
    ['no terms', config({ features: '' }), ['no-terms']],
    ['cameras without weights', config({ features: `${camera('a')}, ${camera('b')}, ${camera('c')}`, ot: '"obs_keys": ["observation.images.a", "observation.images.b", "observation.images.c"], ' }), ['cameras-unweighted', 'mass-collapse', 'pot-breaks', 'repeated-key', 'time-reduce']],
    ['a key that is not loaded', config({ features: camera('a', ', "weight_embed": 0.001') }), ['key-not-loaded', 'time-reduce']],
    ['a window with the mask', config({ loss: '"reg": 1, "tau_src": 1, "tau_tgt": 1, "heuristic": true', ot: '"window_size": 3, ' }), ['hard-diagonal', 'window-diagonal']],
    ['a small window with the mask', config({ loss: '"reg": 1, "tau_src": 1, "tau_tgt": 1, "heuristic": true', ot: '"window_size": 2, ' }), ['hard-diagonal']],
    ['no_window', config({ ot: '"window_size": 3, "no_window": true, ' }), ['no-window']],
    ['a small batch', config({ ot: '"batch_ratio": 0.001, ' }), ['small-batch']],
    ['a batch that rounds down', config({ ot: '"batch_ratio": 0.29, ' }), ['batch-truncated']],
    ['a batch beyond the page', config({ ot: '"batch_ratio": 100, ' }), ['batch-clamped']],
    ['OT switched off', config().replace('"enable": true', '"enable": false'), ['ot-disabled']],
    ['λ 0', config({ ot: '"lambda_ot": 0, ' }), ['lambda-zero']],
    ['a key twice', config({ top: '"batch_size": 64, ' }), ['repeated-key']],
    ['a large window of −1', config({ ot: '"window_size": -1, "topk_src_episodes": -1, ' }), []],
    ['robomimic as it is written whole', robomimic('"reg": 1, "tau1": 1, "tau2": 1, "label": null, "emb_scale": null, "cost_scale": 0.1, "window_size": 200, "no_window": true, "heuristic": false, "scale": 1, "sharpness": 0, "cutoff": null'), ['assumed-default', 'mass-collapse', 'pot-breaks', 'no-window', 'time-reduce']],
    ['robomimic without a window', robomimic('"reg": 1, "tau1": 1, "tau2": 1, "label": "action", "emb_scale": 0, "cost_scale": 1, "window_size": 0, "no_window": false, "heuristic": false, "scale": 1, "sharpness": 0, "cutoff": 0'), ['assumed-default', 'window-zero']],
    ['robomimic with another label', robomimic('"reg": 1, "tau1": 1, "tau2": 1, "label": "pose", "emb_scale": 0, "window_size": 1'), ['assumed-default', 'label-is-action', 'weights-saturate']],
  ])('%s', (_, text, expected) => {
    const found = codes(text);
    // heuristic = false leaves the reference measure to the version of POT, so every config says one or the other.
    const always = found.includes('hard-diagonal') ? [] : ['reference-measure'];
    expect(found.toSorted()).toEqual([...expected, ...always].toSorted());
  });

  it('reads nulls as the fork does, or as ∞ when asked', () => {
    const taus = (loss: string, nullTau: NullTau): number[] => {
      const { solve } = importConfig(config({ loss }), 'cfg.json', undefined, nullTau).session;
      return [solve.tau1, solve.tau2];
    };
    expect(taus('"reg": 1, "tau_src": null, "tau_tgt": 3', 'fork')).toEqual([3, 3]);
    expect(taus('"reg": 1, "tau_src": 2', 'fork')).toEqual([2, 2]);
    expect(taus('"reg": 1, "tau_src": null, "tau_tgt": 3', 'hard')).toEqual([Infinity, 3]);
    expect(taus('"reg": 1, "tau_src": 2', 'hard')).toEqual([2, Infinity]);
    expect(taus('"reg": 1', 'hard')).toEqual([Infinity, Infinity]);
    expect(taus('"reg": 1', 'fork')).toEqual([0.05, 0.05]);
    // What was read as ∞ is written as ∞, so that nobody reads it otherwise.
    expect(exportLerobot(importConfig(config({ loss: '"reg": 1, "tau_src": null, "tau_tgt": 3' }), 'cfg.json', undefined, 'hard').session).text).toContain('"tau_src": Infinity');
  });

  it('are sentences, each code in one', () => {
    for (const { message } of importConfig(config({ features: camera('a'), loss: '"reg": 1, "heuristic": true' }), 'cfg.json').findings) expect(message).toMatch(/^[A-Za-z"_].*\.$/);
  });
});

describe('any text', () => {
  const survives = (text: string): void => {
    try {
      const { session } = importConfig(text, 'cfg.json');
      expect(beyondLimits(session)).toEqual([]);
      exportLerobot(session);
      exportRobomimic(session);
    } catch (thrown) {
      expect(thrown).toBeInstanceOf(UserError);
    }
  };

  it('ends in a session within the limits, or a sentence', () => {
    fc.assert(fc.property(fc.string({ unit: 'binary', maxLength: 60 }), survives));
    fc.assert(fc.property(fc.jsonValue(), (value) => survives(JSON.stringify({ ot: value }))));
    fc.assert(fc.property(fc.jsonValue(), (value) => survives(JSON.stringify({ ot: { loss_config: { features: [value], reg: value } } }))));
    fc.assert(fc.property(fc.dictionary(fc.constantFrom('reg', 'tau1', 'tau2', 'scale', 'label', '__proto__', 'emb_scale'), fc.oneof(fc.jsonValue(), fc.double())), (value) => survives(JSON.stringify({ ot_params: value }))));
  });

  it('also where one letter of a real one is another', () => {
    const text = config({ loss: '"reg": 1, "tau_src": null, "tau_tgt": 3', ot: '"window_size": 3, ' });
    fc.assert(fc.property(fc.nat(text.length - 1), fc.constantFrom(...'{}[]",:0-Nn\\e. '.split('')), (at, letter) => survives(`${text.slice(0, at)}${letter}${text.slice(at + 1)}`)), { numRuns: 500 });
  });
});
