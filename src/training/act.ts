import type { Random } from '../base/random.ts';
import type { Differentiated } from '../encoders/autodiff/differentiate.ts';
import { sampleActions, timeEmbedding, type NoiseSchedule, type SamplingSettings } from './diffusion.ts';

/** How a diffusion head is asked for actions. Robots' actions are scaled to ±1, as the demo's are. */
const SAMPLING: SamplingSettings = { kind: 'ddim', steps: 10, clip: true };

/** What draws actions from a diffusion head. */
export interface ActionNoise {
  readonly schedule: NoiseSchedule;
  /** Width of the head's input `time`. */
  readonly timeWidth: number;
  readonly random: Random;
}

/** Rows of an output, row-major. */
export interface OutputRows {
  readonly width: number;
  readonly values: Float32Array<ArrayBuffer>;
}

/** A network's forward run of its one batch size, wherever its weights lie. */
export interface ForwardRun {
  readonly outputs: Differentiated['outputs'];
  /** @param inputs by name, row-major @returns the output of that name */
  readonly run: (inputs: ReadonlyMap<string, Float32Array>, output: string) => Promise<Float32Array>;
}

/** The networks of a policy, for its actions. */
export interface ActingPolicy {
  readonly encoder: ForwardRun;
  readonly embedding: string;
  readonly action: string | null;
  readonly head: ForwardRun | null;
  readonly chunk: { readonly horizon: number; readonly width: number };
}

/**
 * An output of a network for any number of rows, in runs of the one batch size that it has; the last is filled with zeros.
 * @param inputs of the graph by name, `count` rows each
 */
export async function forwardRows({ outputs, run }: ForwardRun, output: string, inputs: ReadonlyMap<string, Float32Array>, count: number): Promise<OutputRows> {
  const { dims } = outputs.find(({ name }) => name === output)!;
  const [batch, ...rest] = dims as readonly [number, ...number[]];
  const width = rest.reduce((product, size) => product * size, 1);
  const values = new Float32Array(count * width);
  for (let start = 0; start < count; start += batch) {
    const part = await run(new Map([...inputs].map(([name, all]) => [name, padded(all, count, start, batch)])), output);
    values.set(part.subarray(0, Math.min(batch, count - start) * width), start * width);
  }
  return { width, values };
}

/**
 * Chunks of actions by a policy's present weights: encoder, then head; a diffusion head by ten steps of DDIM from noise.
 * @param inputs of the encoder's graph, `count` rows each  @param proprio rows of it; null where the head takes none
 * @param noise null for heads that give actions at once
 * @returns rows × (horizon · action)
 */
export async function policyActions({ encoder, embedding, action, head, chunk }: ActingPolicy, inputs: ReadonlyMap<string, Float32Array>, proprio: Float32Array | null, count: number, noise: ActionNoise | null): Promise<OutputRows> {
  if (!head) return forwardRows(encoder, action!, inputs, count);
  const z = (await forwardRows(encoder, embedding, inputs, count)).values;
  const seen = new Map([['z', z], ...(proprio ? [['proprio', proprio] as const] : [])]);
  const output = head.outputs[0]!.name;
  if (!noise) return forwardRows(head, output, seen, count);
  const width = chunk.horizon * chunk.width;
  const values = await sampleActions(noise.schedule, SAMPLING, count, width, noise.random, async (noisy, t) => {
    const time = timeEmbedding(Array.from({ length: count }, () => t), noise.timeWidth);
    return (await forwardRows(head, output, new Map([...seen, ['noisy', noisy], ['time', time]]), count)).values;
  });
  return { width, values };
}

/** Rows `start` to `start + batch` of `count`, with zeros beyond the last. */
function padded(values: Float32Array, count: number, start: number, batch: number): Float32Array {
  const width = values.length / count;
  const part = new Float32Array(batch * width);
  part.set(values.subarray(start * width, Math.min(count, start + batch) * width));
  return part;
}
