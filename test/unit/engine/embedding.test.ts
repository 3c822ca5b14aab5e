import { beforeAll, describe, expect, it } from 'vitest';
import { DEMO_ENCODER, embedTerm, labelTerm } from '../../../src/config/presets.ts';
import { DEFAULT_BATCH, DEFAULT_SESSION } from '../../../src/config/session.ts';
import type { FeatureSpec } from '../../../src/core/cost/features.ts';
import { squaredDistances } from '../../../src/core/cost/terms.ts';
import type { Dataset } from '../../../src/datasets/types.ts';
import { builtinEncoders } from '../../../src/encoders/builtin.ts';
import { preflight } from '../../../src/encoders/preflight.ts';
import { EncoderSession } from '../../../src/encoders/session.ts';
import { drawBatch } from '../../../src/engine/batch.ts';
import { byTruth } from '../../support/partners.ts';
import { REAL, SIM } from '../../../src/world/domains.ts';
import { renderFrame } from '../../../src/world/render.ts';
import { frameState } from '../../../src/world/shards.ts';
import { changed, demoShard, madeDataset } from '../../support/demo.ts';
import { builtinEncoder, encoderOf, Engine } from '../../support/engine.ts';
import { node, onnxModel, port } from '../../support/onnx.ts';

const CAMERA = 'observation.images.camera';
let sim: Dataset;
let real: Dataset;
beforeAll(async () => {
  [sim, real] = await Promise.all([demoShard('sim_pick'), demoShard('real_pick')]);
});

const camera = (over: Partial<FeatureSpec> = {}): FeatureSpec => ({ ...embedTerm('embedding', CAMERA, { file: DEMO_ENCODER, input: 'image', output: 'embedding', others: [] }, 1), ...over });
const on = (key: string, file: string, over: Partial<FeatureSpec> = {}): FeatureSpec => ({ ...embedTerm(file, key, { file, input: 'x', output: 'y', others: [] }, 1), ...over });
/** y = 3x of any width. */
const triple = (width: number | string = 'd'): Uint8Array => onnxModel({ inputs: [port('x', ['b', width])], outputs: [port('y', ['b', width])], nodes: [node('Add', ['x', 'x'], ['s']), node('Add', ['s', 'x'], ['y'])] });

describe('an embedding term', () => {
  it('is ‖z − z′‖² of the frames of the batch, through the encoder of its name', async () => {
    const { matrices, report } = await (await Engine.holding(sim, real)).solve({ features: [camera()] });
    const batch = drawBatch(sim, real, DEFAULT_BATCH, byTruth());
    const bytes = builtinEncoders().get(DEMO_ENCODER)!;
    const session = await EncoderSession.create({ bytes, preflight: preflight(bytes, DEMO_ENCODER) });
    const embed = async (dataset: Dataset, domain: typeof SIM, rows: Int32Array): Promise<{ values: Float32Array; width: number }> => {
      const values = new Float32Array(rows.length * 3072);
      for (const [k, row] of rows.entries()) {
        const frame = renderFrame(domain, frameState(row, dataset.features.get('observation.state')!.values!, dataset.features.get('observation.environment_state')!.values!), 32, 32, row);
        for (let c = 0; c < 3; c++) for (let p = 0; p < 1024; p++) values[k * 3072 + c * 1024 + p] = frame[4 * p + c]! / 255;
      }
      return session.embed('embedding', new Map([['image', { dims: [rows.length, 3, 32, 32], values }]]), rows.length);
    };
    const truth = squaredDistances(await embed(sim, SIM, batch.sourceInfo.rows), await embed(real, REAL, batch.targetInfo.rows));
    const cost = matrices.costs!.terms[0]!;
    for (let k = 0; k < 4096; k += 7) expect(cost[k]).toBeCloseTo(truth[k]!, 5);
    expect(report.encoders).toEqual([{ file: DEMO_ENCODER, provider: 'wasm', notes: [] }]);
    await session.dispose();
  });

  it('runs once for a batch: a weight, a slider and a second term of the same kind run nothing', async () => {
    const working: string[] = [];
    const engine = await Engine.holding(sim, real, true, (what) => {
      working.push(what);
      return () => undefined;
    });
    await engine.solve({ features: DEFAULT_SESSION.features });
    const runs = working.length;
    expect(runs).toBeGreaterThan(0);
    await engine.solve({ features: DEFAULT_SESSION.features, solve: { reg: 0.02 } });
    await engine.solve({ features: [camera({ weight_embed: 3 }), camera({ term_name: 'again', weight_embed: 2 })] });
    expect(working).toHaveLength(runs);
    await engine.solve({ features: DEFAULT_SESSION.features, batch: { seed: 9 } });
    expect(working.length).toBeGreaterThan(runs);
  });

  it('adds to a label on the same key, each by its weight', async () => {
    const engine = await Engine.holding(madeDataset([6]), madeDataset([5]), false);
    await engine.add(await encoderOf('e.onnx', triple()));
    const state = on('observation.state', 'e.onnx', { weight_embed: 2, weight_label: 5 });
    const { matrices } = await engine.solve({ features: [state], batch: { kind: 'ranges', sourceRanges: '0:6', targetRanges: '0:5' } });
    const plain = await engine.solve({ features: [labelTerm('s', 'observation.state', null, 1)], batch: { kind: 'ranges', sourceRanges: '0:6', targetRanges: '0:5' } });
    for (const [k, value] of matrices.costs!.total.entries()) expect(value).toBeCloseTo((2 * 9 + 5) * plain.matrices.costs!.total[k]!, 2);
  });

  it('of several encoders at once, with keys of their own on either side', async () => {
    const side = (shift: number): Dataset => madeDataset([4], { a: { shape: [2], values: Float64Array.from({ length: 8 }, (_, k) => k + shift) }, b: { shape: [2], values: Float64Array.from({ length: 8 }, (_, k) => -k) } });
    const engine = await Engine.holding(side(0), side(1), false);
    const sum = onnxModel({ inputs: [port('x', ['b', 2]), port('w', ['b', 2])], outputs: [port('y', ['b', 2])], nodes: [node('Add', ['x', 'w'], ['y'])] });
    expect(await engine.add(await encoderOf('triple.onnx', triple()))).toMatchObject({ file: 'triple.onnx', output: 'y' });
    await engine.add(await encoderOf('sum.onnx', sum));
    const two = on('a', 'sum.onnx', { embed: { file: 'sum.onnx', input: 'x', output: 'y', others: [{ input: 'w', src_key: 'b', tgt_key: 'a' }] } });
    const { matrices, report } = await engine.solve({ features: [on('a', 'triple.onnx'), two], batch: { kind: 'ranges', sourceRanges: '0:4', targetRanges: '0:4' } });
    // a + b = 0 on the source; a + a = 2(k + 1) on the target.
    expect([...matrices.costs!.terms[1]!]).toEqual(Array.from({ length: 16 }, (_, k) => 4 * ((2 * (k % 4) + 1) ** 2 + (2 * (k % 4) + 2) ** 2)));
    expect(report.encoders.map(({ file }) => file)).toEqual(['triple.onnx', 'sum.onnx']);
  });
});

describe('what its readings say', () => {
  const constant = onnxModel({ inputs: [port('x', ['b', 2])], outputs: [port('y', ['b', 2])], nodes: [node('Sub', ['x', 'x'], ['zero']), node('Exp', ['zero'], ['y'])] });

  it('a constant encoder has collapsed', async () => {
    const engine = await Engine.holding(madeDataset([40]), madeDataset([40]), false);
    await engine.add(await encoderOf('constant.onnx', constant));
    const { report } = await engine.solve({ features: [on('observation.state', 'constant.onnx', { weight_label: 1 })] });
    expect(report.warnings).toContainEqual(expect.objectContaining({ code: 'encoder-collapse', value: 0, facts: { feature: 'constant.onnx', mass: report.ot_pi_sum } }));
  });

  it('the demo’s encoder has not', async () => {
    const { report } = await (await Engine.holding(sim, real)).solve({ features: DEFAULT_SESSION.features });
    expect(report.warnings.map(({ code }) => code)).not.toContain('encoder-collapse');
  });

  it('two cameras at full weight are summed without 1/N, and dividing their weights cures it', async () => {
    const engine = await Engine.holding(sim, real);
    const cameras = [camera(), camera({ term_name: 'second' })];
    const warned = (await engine.solve({ features: cameras })).report.warnings.find(({ code }) => code === 'cameras-unweighted');
    expect(warned).toMatchObject({ value: 2, cure: { kind: 'camera-weights', count: 2 } });
    const cured = await engine.solve({ features: cameras.map((spec) => ({ ...spec, term_weight: spec.term_weight / 2 })) });
    expect(cured.report.warnings.map(({ code }) => code)).not.toContain('cameras-unweighted');
  });

  it('a batch axis fixed to 1 runs row by row, and that is said', async () => {
    const engine = await Engine.holding(madeDataset([6]), madeDataset([5]), false);
    await engine.add(await encoderOf('one.onnx', onnxModel({ inputs: [port('x', [1, 2])], outputs: [port('y', [1, 2])], nodes: [node('Add', ['x', 'x'], ['y'])] })));
    const { report } = await engine.solve({ features: [on('observation.state', 'one.onnx')], batch: { kind: 'ranges', sourceRanges: '0:6', targetRanges: '0:5' } });
    expect(report.encoders[0]!.notes[0]).toContain('row by row');
  });
});

describe('what cannot be embedded is said by name, and the engine goes on', () => {
  const works = async (engine: Engine): Promise<void> => expect((await engine.solve({ features: [labelTerm('s', 'observation.state', null, 1)] })).report.n).toBeGreaterThan(0);

  it('an encoder that is not loaded, and one that was taken away', async () => {
    const engine = await Engine.holding(sim, real);
    expect(await engine.failure({ features: [on('observation.state', 'gone.onnx')] })).toMatchObject({ code: 'no-encoder', detail: { term: 'gone.onnx' } });
    await engine.solve({ features: DEFAULT_SESSION.features });
    await engine.request('remove-encoder', { file: DEMO_ENCODER });
    expect(await engine.failure({ features: DEFAULT_SESSION.features })).toMatchObject({ code: 'no-encoder', message: expect.stringContaining(DEMO_ENCODER) as string });
    await works(engine);
    await engine.add(await builtinEncoder(DEMO_ENCODER));
    expect((await engine.solve({ features: DEFAULT_SESSION.features })).report.converged).toBe(true);
  });

  it('sides of different width', async () => {
    const engine = await Engine.holding(madeDataset([6], { 'observation.state': 2 }), madeDataset([6], { 'observation.state': 3 }), false);
    await engine.add(await encoderOf('e.onnx', triple()));
    expect(await engine.failure({ features: [on('observation.state', 'e.onnx')] })).toMatchObject({ code: 'width-mismatch', message: expect.stringContaining('2 values of a source frame and 3 of a target frame') as string, detail: { term: 'e.onnx' } });
  });

  it('a key of another shape, an output and an input that are not there', async () => {
    const engine = await Engine.holding(madeDataset([6]), madeDataset([6]), false);
    await engine.add(await encoderOf('three.onnx', triple(3)));
    const spec = on('observation.state', 'three.onnx');
    expect(await engine.failure({ features: [spec] })).toMatchObject({ code: 'encoder-shape', detail: { term: 'three.onnx' } });
    expect(await engine.failure({ features: [{ ...spec, embed: { ...spec.embed!, output: 'z' } }] })).toMatchObject({ code: 'encoder-output' });
    expect(await engine.failure({ features: [{ ...spec, embed: { ...spec.embed!, input: '__proto__' } }] })).toMatchObject({ code: 'encoder-input' });
    expect(await engine.failure({ features: [{ ...spec, src_key: 'nothing' }] })).toMatchObject({ code: 'missing-key' });
    await works(engine);
  });

  it('NaN in the data, and NaN out of an encoder: never a plan', async () => {
    const engine = await Engine.holding(changed(sim, 'observation.state', (values) => values.fill(Number.NaN)), real);
    await engine.add(await encoderOf('e.onnx', triple()));
    expect(await engine.failure({ features: [on('observation.state', 'e.onnx')] })).toMatchObject({ code: 'non-finite' });
    const log = onnxModel({ inputs: [port('x', ['b', 2])], outputs: [port('y', ['b', 2])], nodes: [node('Log', ['x'], ['y'])] });
    const other = await Engine.holding(madeDataset([6]), madeDataset([6]), false);
    await other.add(await encoderOf('log.onnx', log));
    expect(await other.failure({ features: [on('observation.state', 'log.onnx')] })).toMatchObject({ code: 'encoder-non-finite', detail: { term: 'log.onnx', file: 'log.onnx' } });
    await works(other);
  });
});

it('a new encoder proposes keys by the names of its inputs; the demo’s means the camera', async () => {
  const engine = await Engine.holding(sim, real);
  expect(await engine.add(await builtinEncoder(DEMO_ENCODER))).toEqual({ file: DEMO_ENCODER, output: 'embedding', inputs: [{ input: 'image', src_key: CAMERA, tgt_key: CAMERA }] });
});
