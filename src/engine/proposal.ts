import type { Dataset } from '../datasets/types.ts';
import type { Preflight } from '../encoders/preflight.ts';
import { suggestSpec, type KeyShape } from '../encoders/spec.ts';
import { DEMO_IMAGE, type EncoderProposal } from './protocol.ts';

/** Which keys the inputs of a new encoder seem to mean on either side (`suggestSpec`). */
export function proposeKeys(encoder: Preflight, source: ReadonlyMap<string, KeyShape>, target: ReadonlyMap<string, KeyShape>): EncoderProposal {
  const left = suggestSpec(encoder, source);
  const right = suggestSpec(encoder, target);
  const keyOf = ({ inputs }: typeof left, input: string): string | null => inputs.find((entry) => entry.input === input)?.key ?? null;
  return { file: encoder.file, output: left.output, inputs: [...encoder.inputs.keys()].map((input) => ({ input, src_key: keyOf(left, input), tgt_key: keyOf(right, input) })) };
}

/** Keys of a dataset that an encoder can be fed: numbers, and the demo's camera. */
export function feedableKeys(dataset: Dataset, demo: boolean): Map<string, KeyShape> {
  const keys = new Map<string, KeyShape>();
  for (const [key, { shape, values }] of dataset.features) if (values) keys.set(key, { shape });
  if (demo) keys.set(DEMO_IMAGE.key, { shape: DEMO_IMAGE.shape });
  return keys;
}
