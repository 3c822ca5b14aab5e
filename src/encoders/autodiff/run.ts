import type { InferenceSession, Tensor } from 'onnxruntime-web/webgpu';
import { assert } from '../../base/assert.ts';
import type { OrtModule, OrtOptions } from '../ort.ts';
import { withOrt } from '../ort.ts';
import type { Provider } from '../session.ts';
import { providerOptions, runOptions, runtimeSentence, watchOf } from '../session.ts';
import type { Differentiated } from './differentiate.ts';
import { sizeOf } from './tape.ts';

/**
 * One of the two graphs in ONNX Runtime. On WebGPU results stay in buffers of the provider's device (`Tensor.gpuBuffer`),
 * and every operator runs there or the session is refused.
 */
export class GraphSession {
  readonly #session: InferenceSession;
  readonly #file: string;
  readonly #options: OrtOptions;

  private constructor(session: InferenceSession, file: string, options: OrtOptions) {
    this.#session = session;
    this.#file = file;
    this.#options = options;
  }

  /**
   * @param file the encoder's name, for the sentences
   * @throws UserError `encoder-no-gpu` when the GPU provider lacks an operator, and those of `EncoderSession.create`
   */
  static async create(bytes: Uint8Array, provider: Provider, file: string, options: OrtOptions = {}): Promise<GraphSession> {
    try {
      const session = await withOrt(`loading the graphs of ${file}`, (ort) => ort.InferenceSession.create(bytes, providerOptions(provider)), watchOf(options, file));
      return new GraphSession(session, file, runOptions(provider, options, file));
    } catch (error) {
      throw runtimeSentence(error, file, 'load');
    }
  }

  /**
   * Run once; results are the caller's to dispose of.
   *
   * @param feeds makes the inputs, given ONNX Runtime; or they are given
   * @param into makes tensors for results that are to be written in place, with null for those that are not
   */
  async run(feeds: InferenceSession.FeedsType | ((ort: OrtModule) => InferenceSession.FeedsType), into?: (ort: OrtModule) => InferenceSession.NullableOnnxValueMapType): Promise<InferenceSession.ReturnType> {
    try {
      return await withOrt(
        `running the graphs of ${this.#file}`,
        (ort) => {
          const given = typeof feeds === 'function' ? feeds(ort) : feeds;
          return into ? this.#session.run(given, into(ort)) : this.#session.run(given);
        },
        this.#options,
      );
    } catch (error) {
      throw runtimeSentence(error, this.#file, 'run');
    }
  }

  async dispose(): Promise<void> {
    await withOrt(`closing the graphs of ${this.#file}`, () => this.#session.release(), this.#options);
  }
}

/** What `gradientsOf` is asked: everything on the host, row-major. */
export interface GradientFeeds {
  /** By input's name. */
  readonly inputs: ReadonlyMap<string, Float32Array>;
  /** ∂L/∂output by output's name; zeros where an output is left out. */
  readonly outputGradients: ReadonlyMap<string, Float32Array>;
  /** In place of the file's own, by parameter's name. */
  readonly weights?: ReadonlyMap<string, Float32Array>;
}

export interface GradientResults {
  readonly outputs: ReadonlyMap<string, Float32Array>;
  /** By parameter's or input's name. */
  readonly gradients: ReadonlyMap<string, Float32Array>;
}

/**
 * Both graphs once, from host memory to host memory: for checks and for a single look. Training keeps its sessions and
 * its buffers.
 *
 * Inputs of other types than float32 are not fed here.
 */
export async function gradientsOf(graphs: Differentiated, provider: Provider, file: string, { inputs, outputGradients, weights }: GradientFeeds, options: OrtOptions = {}): Promise<GradientResults> {
  const host = new Map<string, { dims: readonly number[]; data: Float32Array }>();
  for (const { name, dims } of graphs.inputs) host.set(name, { dims, data: inputs.get(name) ?? new Float32Array(sizeOf(dims)) });
  for (const weight of graphs.weights) host.set(weight.name, { dims: weight.dims, data: weights?.get(weight.name) ?? weight.read() });
  const outputs = await runOnHost(graphs.forward, graphs.forwardInputs, host, provider, file, options);
  for (const { name, dims, gradient } of graphs.outputs) host.set(gradient, { dims, data: outputGradients.get(name) ?? new Float32Array(sizeOf(dims)) });
  for (const [name, result] of outputs) host.set(name, result);
  const found = await runOnHost(graphs.backward, graphs.backwardInputs, host, provider, file, options);
  const named = [...graphs.weights.map(({ name, gradient }) => [name, gradient] as const), ...graphs.inputGradients.map(({ input, gradient }) => [input, gradient] as const)];
  return {
    outputs: new Map(graphs.outputs.map(({ name }) => [name, outputs.get(name)!.data])),
    gradients: new Map(named.flatMap(([name, gradient]) => (gradient === null ? [] : [[name, found.get(gradient)!.data] as const]))),
  };
}

async function runOnHost(bytes: Uint8Array, names: readonly string[], host: ReadonlyMap<string, { dims: readonly number[]; data: Float32Array }>, provider: Provider, file: string, options: OrtOptions): Promise<Map<string, { dims: readonly number[]; data: Float32Array }>> {
  const session = await GraphSession.create(bytes, provider, file, options);
  try {
    const fed: Tensor[] = [];
    const results = await session.run((ort) => {
      const feeds = names.map((name) => {
        const value = host.get(name);
        assert(value, `a value for ${name}`);
        const tensor = new ort.Tensor('float32', value.data, value.dims);
        fed.push(tensor);
        return [name, tensor] as const;
      });
      return Object.fromEntries(feeds);
    });
    const read = new Map<string, { dims: readonly number[]; data: Float32Array }>();
    for (const [name, tensor] of Object.entries(results)) read.set(name, { dims: tensor.dims, data: (await tensor.getData(true)) as Float32Array });
    for (const tensor of fed) tensor.dispose();
    return read;
  } finally {
    await session.dispose();
  }
}
