import { describe, expect, it } from 'vitest';
import { DEFAULT_POLICY } from '../../../src/config/policy.ts';
import { embedTerm, labelTerm } from '../../../src/config/presets.ts';
import type { FeatureSpec } from '../../../src/core/cost/features.ts';
import type { Trainable } from '../../../src/engine/client.ts';
import { learnableFiles, learnerOf } from '../../../src/store/learner.ts';
import type { EncoderState } from '../../../src/store/run.ts';

/* Which encoder the policy panel is about, and what it can say of it. */

const term = (file: string, output = 'embedding', key = 'image'): FeatureSpec => embedTerm(`${file} ${output} ${key}`, key, { file, input: 'x', output, others: [] }, 1);
const parameter = (name: string): { name: string; dims: number[]; elements: number; aliases: string[] } => ({ name, dims: [2], elements: 2, aliases: [] });
const list = (names: readonly string[], tensors = 0): Trainable => ({ ok: true, parameters: names.map(parameter), unlisted: { tensors, numbers: 3 * tensors } });
const sin: Trainable = { ok: false, op: 'Sin', node: 's', message: 'It has a Sin.' };
const holding = (file: string, trainable: Record<string, Trainable>): { file: string; state: EncoderState } => ({
  file,
  state: { kind: 'ready', summary: { file, fingerprint: '', builtin: false, inputs: [], outputs: [], parameters: 0, ops: [], warnings: [], trainable: new Map(Object.entries(trainable)) } },
});
const label = labelTerm('label', 'observation.state', null, 1);

describe('the encoder that learns', () => {
  it('is that of the first term that compares embeddings, or the one that is chosen', () => {
    const features = [label, term('a.onnx'), term('b.onnx'), { ...term('c.onnx'), weight_embed: 0 }];
    const encoders = [holding('a.onnx', { embedding: list(['v']) }), holding('b.onnx', { embedding: list(['w'], 2) })];
    expect(learnableFiles(features)).toEqual(['a.onnx', 'b.onnx']);
    expect(learnerOf(features, DEFAULT_POLICY, encoders, null)).toMatchObject({ kind: 'trainable', summary: { file: 'a.onnx' }, parameters: [{ name: 'v' }] });
    expect(learnerOf(features, { ...DEFAULT_POLICY, encoder: 'b.onnx' }, encoders, null)).toMatchObject({ kind: 'trainable', parameters: [{ name: 'w' }], unlisted: { tensors: 2, numbers: 6 } });
  });

  it('is none where no term asks, where two feed it otherwise, and where it is not here; that is said', () => {
    expect(learnerOf([label], DEFAULT_POLICY, [], null)).toMatchObject({ kind: 'none', error: { code: 'train-no-encoder' } });
    expect(learnerOf([term('a.onnx')], { ...DEFAULT_POLICY, encoder: 'b.onnx' }, [], null)).toMatchObject({ kind: 'none', error: { code: 'train-no-encoder' } });
    expect(learnerOf([term('a.onnx'), term('a.onnx', 'embedding', 'other')], DEFAULT_POLICY, [], null)).toMatchObject({ kind: 'none', error: { code: 'train-two-inputs' } });
    expect(learnerOf([term('a.onnx')], DEFAULT_POLICY, [{ file: 'a.onnx', state: { kind: 'loading' } }], null)).toEqual({ kind: 'absent', file: 'a.onnx' });
    expect(learnerOf([term('a.onnx', 'other')], DEFAULT_POLICY, [holding('a.onnx', { embedding: list(['v']) })], null)).toMatchObject({ kind: 'unknown', output: 'other' });
  });

  it('cannot be trained by what its file says, or by what a run found out', () => {
    const features = [term('a.onnx')];
    expect(learnerOf(features, DEFAULT_POLICY, [holding('a.onnx', { embedding: sin })], null)).toMatchObject({ kind: 'untrainable', error: { code: 'encoder-untrainable', message: 'It has a Sin.' } });
    const refusal = { code: 'encoder-untrainable', message: 'A Conv over three axes.', detail: { file: 'a.onnx' } };
    const encoders = [holding('a.onnx', { embedding: list(['v']) })];
    expect(learnerOf(features, DEFAULT_POLICY, encoders, refusal)).toMatchObject({ kind: 'untrainable', error: refusal });
    expect(learnerOf(features, DEFAULT_POLICY, encoders, { ...refusal, detail: { file: 'b.onnx' } }).kind).toBe('trainable');
  });

  it('has the tensors of both outputs where one of them is the action', () => {
    const encoders = [holding('a.onnx', { embedding: list(['trunk', 'v'], 1), action: list(['trunk', 'w'], 4), wave: sin })];
    const own = { ...DEFAULT_POLICY, head: 'own' } as const;
    expect(learnerOf([term('a.onnx')], { ...own, output: 'action' }, encoders, null)).toMatchObject({ kind: 'trainable', parameters: [{ name: 'trunk' }, { name: 'v' }, { name: 'w' }], unlisted: { tensors: 4 } });
    expect(learnerOf([term('a.onnx')], { ...own, output: 'wave' }, encoders, null)).toMatchObject({ kind: 'untrainable' });
    // The name of an output is kept while another head is on.
    expect(learnerOf([term('a.onnx')], { ...DEFAULT_POLICY, output: 'wave' }, encoders, null)).toMatchObject({ kind: 'trainable' });
  });

  it('is blocked by an operator without a gradient until all that stands before it is frozen', () => {
    const obstacle = { op: 'Sin', node: 's', before: ['v', 'w'], message: 'It has a Sin.' };
    const encoders = [holding('a.onnx', { embedding: { ...(list(['v', 'w', 'last']) as Extract<Trainable, { ok: true }>), obstacle } })];
    const frozen = (...names: string[]) => learnerOf([term('a.onnx')], { ...DEFAULT_POLICY, frozen: names }, encoders, null);
    expect(frozen('v', 'other')).toMatchObject({ kind: 'blocked', freeze: ['w'], parameters: [{ name: 'v' }, { name: 'w' }, { name: 'last' }], error: { code: 'encoder-blocked', message: 'It has a Sin.', detail: { file: 'a.onnx' } } });
    expect(frozen('w', 'v')).toMatchObject({ kind: 'trainable', obstacles: [{ op: 'Sin', node: 's' }] });
  });
});
