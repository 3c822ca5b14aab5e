import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { UserError, reportError } from '../../src/base/errors.ts';
import type { DifferentiatedWeight } from '../../src/encoders/autodiff/differentiate.ts';
import { differentiate } from '../../src/encoders/autodiff/differentiate.ts';
import { gradientsOf } from '../../src/encoders/autodiff/run.ts';
import { trainability } from '../../src/encoders/autodiff/source.ts';
import type { ReaderMessage } from '../../src/engine/supervise.ts';
import type { NetOrder, NetReport } from '../inspect/gradients.ts';
import { readEncoder } from './encoder-files.ts';

// Listening keeps the child alive until it is killed, so that its answer is not cut short.
process.on('message', () => undefined);

/** The child of `inspect gradients`: differentiates one net and compares it with its truth. */
compare(JSON.parse(process.argv[2] ?? '') as NetOrder).then(
  (result) => send({ type: 'done', result }),
  (error: unknown) => send({ type: 'failed', error: reportError(error) }),
);

async function compare({ folder, name, truth }: NetOrder): Promise<NetReport> {
  const floats = (kind: string, from = 0, length?: number): Float32Array => {
    const file = `${name}.${kind}.bin`;
    const bytes = readBytes(join(folder, file), file);
    if (length !== undefined && bytes.length < 4 * (from + length)) throw new UserError('no-gradients', `${file} ends before ${from + length} numbers; the truth is cut short.`);
    return new Float32Array(bytes.buffer, 4 * from, length ?? Math.floor(bytes.length / 4));
  };
  const encoder = await readEncoder(join(folder, `${name}.onnx`), ({ inputs }) => new Map([...inputs.keys()].map((input) => [input, truth.shape])));
  const { inputs, outputs, file } = encoder.preflight;
  const [input] = inputs.keys();
  const [output] = outputs.keys();
  if (inputs.size !== 1 || input === undefined || output === undefined) throw new UserError('no-gradients', `${file} takes ${inputs.size} inputs, and a truth of gradients is for one.`);
  const listed = Object.keys(truth.params);
  const known = trainability(encoder.bytes, file, { outputs: [output] });
  const train = known.ok ? known.parameters.filter(({ name: parameter, dims }) => dims.length > 0 || listed.includes(parameter)).map((parameter) => parameter.name) : undefined;
  const graphs = await differentiate(encoder, { shapes: new Map([[input, truth.shape]]), outputs: [output], ...(train ? { train } : {}) });
  const found = await gradientsOf(graphs, { name: 'wasm' }, file, { inputs: new Map([[input, floats('x', 0, size(truth.shape))]]), outputGradients: new Map([[output, floats('g', 0, size(truth.out))]]) });
  const unmatched: string[] = [];
  const gradients = new Deviation();
  let parameters = 0;
  for (const [parameter, [offset, dims]] of Object.entries(truth.params)) {
    const parts = weightsOf(parameter, graphs.weights, listed).flatMap((weight) => found.gradients.get(weight) ?? []);
    if (parts.length === 0) {
      unmatched.push(parameter);
      continue;
    }
    if (parts[0]!.length !== size(dims)) throw new UserError('no-gradients', `The truth of ${name} has ${size(dims)} numbers for ${parameter}, and the graph ${parts[0]!.length}.`);
    parameters += size(dims);
    gradients.add(floats('grad', offset, size(dims)), (k) => parts.reduce((sum, part) => sum + part[k]!, 0));
  }
  const values = new Deviation();
  const computed = found.outputs.get(output)!;
  values.add(floats('z', 0, size(truth.out)), (k) => computed[k]!);
  return { maxErr: gradients.relative(), outputErr: values.relative(), parameters, unmatched };
}

/**
 * Which parameters of the graph a name of the truth stands for. Initialisers that the exporter merged are parameters of
 * their own where the truth lists them; a name that it leaves out was the same tensor, so its gradient is part of the
 * first one's that it lists.
 */
function weightsOf(name: string, weights: readonly DifferentiatedWeight[], listed: readonly string[]): string[] {
  return weights
    .filter((weight) => {
      const group = [weight.name, ...weight.aliases];
      return weight.name === name || (!listed.includes(weight.name) && group.find((other) => listed.includes(other)) === name);
    })
    .map((weight) => weight.name);
}

/** Largest difference over the largest true number. */
class Deviation {
  #worst = 0;
  #top = 0;

  add(truth: Float32Array, computed: (k: number) => number): void {
    for (const [k, value] of truth.entries()) {
      const difference = Math.abs(computed(k) - value);
      if (!(difference <= this.#worst)) this.#worst = Number.isFinite(difference) ? difference : Number.MAX_VALUE;
      this.#top = Math.max(this.#top, Math.abs(value));
    }
  }

  relative(): number {
    return this.#worst === 0 ? 0 : this.#worst / this.#top;
  }
}

function readBytes(path: string, name: string): Uint8Array<ArrayBuffer> {
  try {
    return new Uint8Array(readFileSync(path));
  } catch {
    throw new UserError('no-gradients', `There is no ${name} in that folder; a truth of gradients has .onnx, .x.bin, .g.bin, .z.bin and .grad.bin of every net.`);
  }
}

function size(dims: readonly number[]): number {
  return dims.reduce((product, axis) => product * axis, 1);
}

function send(message: ReaderMessage<NetReport, never>): void {
  process.send?.(message);
}
