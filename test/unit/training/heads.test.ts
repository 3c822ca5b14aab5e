import { describe, expect, test } from 'vitest';
import { UserError } from '../../../src/base/errors.ts';
import { preflight } from '../../../src/encoders/preflight.ts';
import { EncoderSession } from '../../../src/encoders/session.ts';
import { buildHead, checkOwnHead, DEMO_HEAD, HEAD_LIMITS, type BuiltHeadSettings, type HeadShape } from '../../../src/training/heads.ts';
import { FIGURES, error, pattern } from '../../support/training.ts';

const LOSS = { kind: 'l2', mean: 'unpadded' } as const;
const DEMO_SHAPE: HeadShape = { embedding: 16, proprio: 5, horizon: 1, action: 3 };

/** The settings of each of the script's heads. */
const CASES: readonly { readonly settings: BuiltHeadSettings; readonly shape: HeadShape }[] = [
  { settings: DEMO_HEAD as BuiltHeadSettings, shape: DEMO_SHAPE },
  { settings: { kind: 'regression', hidden: [8], activation: 'gelu', loss: LOSS }, shape: { embedding: 6, proprio: 0, horizon: 4, action: 2 } },
  { settings: { kind: 'diffusion', hidden: [12, 9], activation: 'gelu', loss: LOSS, timeWidth: 8, steps: 100 }, shape: { embedding: 4, proprio: 3, horizon: 5, action: 2 } },
  { settings: { kind: 'regression', hidden: [], activation: 'relu', loss: LOSS }, shape: { embedding: 5, proprio: 2, horizon: 1, action: 2 } },
];

describe('policy heads', () => {
  test.each(FIGURES.heads.map((figures, k) => ({ name: `${CASES[k]!.settings.kind} over ${figures.widths.join(' + ')}, hidden ${figures.hidden.join(', ') || 'none'}, ${figures.activation}`, figures, ...CASES[k]! })))('$name: torch’s output, from the same seed', async ({ figures, settings, shape }) => {
    const head = buildHead(settings, shape, figures.seed);
    expect(head.inputs.map(({ width }) => width)).toEqual(figures.widths);
    const examined = preflight(head.bytes, 'head.onnx');
    expect([...examined.inputs.keys()]).toEqual(head.inputs.map(({ name }) => name));
    const layers = [...figures.hidden, figures.output];
    expect(examined.parameters).toBe(layers.reduce((sum, size, k) => sum + size * ((k === 0 ? figures.widths.reduce((total, width) => total + width, 0) : layers[k - 1]!) + 1), 0));
    const session = await EncoderSession.create({ bytes: head.bytes, preflight: examined });
    const feeds = new Map(head.inputs.map(({ name, width }, k) => [name, { dims: [3, width], values: pattern(3 * width, 20 + k) }]));
    const result = (await session.run(feeds)).get(head.output.name)!;
    expect(result.dims).toEqual([3, head.output.width]);
    expect(error(result.data as Float32Array, figures.y)).toBeLessThan(2e-6);
    await session.dispose();
  });

  test('a seed gives the same bytes, another seed others', () => {
    const settings = CASES[2]!;
    const bytes = (seed: number): Uint8Array => buildHead(settings.settings, settings.shape, seed).bytes;
    expect(bytes(1)).toEqual(bytes(1));
    expect(bytes(1)).not.toEqual(bytes(2));
  });

  test.each([
    ['a width of 0', { hidden: [64, 0] }, {}, /a hidden layer has the width 0/],
    ['a width of 1.5', { hidden: [1.5] }, {}, /the width 1.5/],
    ['too many layers', { hidden: Array.from({ length: HEAD_LIMITS.layers + 1 }, () => 4) }, {}, /9 hidden layers/],
    ['no embedding', {}, { embedding: 0 }, /the embedding has 0 values/],
    ['no actions', {}, { horizon: 0 }, /0 actions of 3 values/],
    ['too long a chunk', {}, { horizon: 60_000 }, /60000 actions of 3 values/],
    ['proprioception of −1', {}, { proprio: -1 }, /proprioception has -1/],
    ['an odd time step', { kind: 'diffusion', timeWidth: 7, steps: 100 }, {}, /embedded in 7 values/],
    ['a diffusion of 0 steps', { kind: 'diffusion', timeWidth: 8, steps: 0 }, {}, /the diffusion has 0 steps/],
  ])('%s is refused in a sentence', (_, settings, shape, message) => {
    const build = () => buildHead({ ...DEMO_HEAD, ...settings } as BuiltHeadSettings, { ...DEMO_SHAPE, ...shape }, 1);
    expect(build).toThrow(UserError);
    expect(build).toThrow(message);
  });

  test('an own output has to have the action’s shape', () => {
    const shape = { horizon: 4, action: 3 };
    for (const dims of [[8, 12], [8, 4, 3]]) expect(() => checkOwnHead('net.onnx', 'a', dims, shape)).not.toThrow();
    expect(() => checkOwnHead('net.onnx', 'a', [8, 3, 4], shape)).toThrow(/“a” of net.onnx has the shape \(8, 3, 4\).*\(batch, 12\) or \(batch, 4, 3\)/);
    expect(() => checkOwnHead('net.onnx', 'a', [8], { horizon: 1, action: 1 })).toThrow(/the shape \(8\)/);
    expect(() => checkOwnHead('net.onnx', 'a', undefined, shape)).toThrow(/has no output “a”/);
  });
});
