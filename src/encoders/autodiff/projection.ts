import { assert } from '../../base/assert.ts';
import { Random } from '../../base/random.ts';
import { preflight } from '../preflight.ts';
import type { EncoderFile } from '../session.ts';
import { emitModel } from './emit.ts';
import type { Constant, Step } from './tape.ts';

export interface ProjectionOptions {
  /** D, the numbers of one embedding of the frozen encoder, flattened. */
  readonly width: number;
  /** K, the numbers that come out. */
  readonly features: number;
  /** Normalise the K numbers, which keeps a cost from being lowered by shrinking all of them. */
  readonly layerNorm: boolean;
  /** Of the first weights. */
  readonly seed: number;
}

export const PROJECTION_INPUT = 'features';
export const PROJECTION_OUTPUT = 'embedding';

/**
 * What can be trained where the encoder itself cannot: y = norm(W·z + b) on top of its frozen embedding z, (B, D) →
 * (B, K), as an encoder of its own, to be differentiated like any other. W and b start as torch's Linear starts them,
 * uniform within ±1/√D; the LayerNorm starts with ones and zeros.
 *
 * @param file the name that it has in sentences
 */
export function projection(file: string, { width, features, layerNorm, seed }: ProjectionOptions): EncoderFile {
  assert(width >= 1 && features >= 1, 'a projection between vectors');
  const random = new Random(seed);
  const uniform = (dims: readonly number[]): Constant => ({ dtype: 'float32', dims, data: Float32Array.from({ length: dims.reduce((product, size) => product * size, 1) }, () => random.between(-1, 1) / Math.sqrt(width)) });
  const filled = (value: number): Constant => ({ dtype: 'float32', dims: [features], data: new Float32Array(features).fill(value) });
  const linear = layerNorm ? 'projected' : PROJECTION_OUTPUT;
  const steps: Step[] = [{ op: 'Gemm', inputs: [PROJECTION_INPUT, 'projection.weight', 'projection.bias'], output: linear, ints: { transB: 1 }, floats: {} }];
  const weights = new Map([['projection.weight', uniform([features, width])], ['projection.bias', uniform([features])]]);
  if (layerNorm) {
    steps.push({ op: 'LayerNormalization', inputs: [linear, 'norm.weight', 'norm.bias'], output: PROJECTION_OUTPUT, ints: { axis: -1 }, floats: { epsilon: 1e-5 } });
    weights.set('norm.weight', filled(1)).set('norm.bias', filled(0));
  }
  const port = (name: string, size: number) => ({ name, dtype: 'float32', dims: ['batch', size] }) as const;
  const bytes = emitModel({ name: 'projection', steps, inputs: [port(PROJECTION_INPUT, width)], outputs: [port(PROJECTION_OUTPUT, features)], constants: weights });
  return { bytes, preflight: preflight(bytes, file) };
}
