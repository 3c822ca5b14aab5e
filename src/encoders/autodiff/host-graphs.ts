import type { InferenceSession, Tensor } from 'onnxruntime-web/webgpu';
import { assert } from '../../base/assert.ts';
import { toTyped } from '../dtypes.ts';
import type { OrtOptions } from '../ort.ts';
import type { Differentiated } from './differentiate.ts';
import { GraphSession } from './run.ts';

/** A trained tensor of a network and where its gradient is put. Both keep their arrays for good. */
export interface TrainedTensor {
  readonly name: string;
  readonly values: Float32Array<ArrayBuffer>;
  readonly gradient: Float32Array<ArrayBuffer>;
}

/** Both graphs of a network on the wasm provider, with its weights in main memory. One batch size. */
export class HostGraphs {
  readonly graphs: Differentiated;
  readonly trained: readonly TrainedTensor[];
  readonly #forward: GraphSession;
  readonly #backward: GraphSession;
  readonly #weights: ReadonlyMap<string, { readonly dims: readonly number[]; readonly values: Float32Array<ArrayBuffer> }>;
  /** What the last forward run was fed and gave, for the backward run. */
  #held: ReadonlyMap<string, Tensor> | null = null;

  private constructor(graphs: Differentiated, forward: GraphSession, backward: GraphSession) {
    this.graphs = graphs;
    this.#forward = forward;
    this.#backward = backward;
    this.#weights = new Map(graphs.weights.map((weight) => [weight.name, { dims: weight.dims, values: weight.read() }]));
    this.trained = graphs.weights.flatMap(({ name, gradient, elements }) => (gradient === null ? [] : [{ name, values: this.#weights.get(name)!.values, gradient: new Float32Array(elements) }]));
  }

  /** @param file for the sentences @throws UserError as `GraphSession.create` */
  static async create(graphs: Differentiated, file: string, options: OrtOptions = {}): Promise<HostGraphs> {
    const forward = await GraphSession.create(graphs.forward, { name: 'wasm' }, file, options);
    try {
      return new HostGraphs(graphs, forward, await GraphSession.create(graphs.backward, { name: 'wasm' }, file, options));
    } catch (error) {
      await forward.dispose();
      throw error;
    }
  }

  /** Every output for these inputs, row-major, by name. @throws UserError as `GraphSession.run` */
  async forward(inputs: ReadonlyMap<string, Float32Array>): Promise<ReadonlyMap<string, Float32Array>> {
    this.#release();
    const held = new Map<string, Tensor>();
    const results = await this.#forward.run((ort) => {
      for (const { name, dims, dtype } of this.graphs.inputs) held.set(name, new ort.Tensor(dtype as 'float32', toTyped(dtype, inputs.get(name)!) as Float32Array, dims));
      for (const [name, { dims, values }] of this.#weights) held.set(name, new ort.Tensor('float32', values, dims));
      return feedsOf(held, this.graphs.forwardInputs);
    });
    for (const [name, tensor] of Object.entries(results)) held.set(name, tensor);
    this.#held = held;
    return new Map(this.graphs.outputs.map(({ name }) => [name, held.get(name)!.data as Float32Array]));
  }

  /**
   * ∂L/∂w into the `gradient` of every trained tensor, from ∂L/∂output of the last forward run.
   * @returns ∂L/∂input for the inputs that it was asked of, by name
   */
  async backward(outputGradients: ReadonlyMap<string, Float32Array>): Promise<ReadonlyMap<string, Float32Array>> {
    const held = this.#held;
    assert(held, 'a forward run comes before a backward run');
    const results = await this.#backward.run((ort) => {
      const all = new Map(held);
      for (const { name, dims, gradient } of this.graphs.outputs) all.set(gradient, new ort.Tensor('float32', outputGradients.get(name)!, dims));
      return feedsOf(all, this.graphs.backwardInputs);
    });
    const gradientOf = new Map(this.graphs.weights.map(({ name, gradient }) => [name, gradient]));
    for (const { name, gradient } of this.trained) gradient.set(results[gradientOf.get(name)!]!.data as Float32Array);
    const inputs = new Map(this.graphs.inputGradients.map(({ input, gradient }) => [input, Float32Array.from(results[gradient]!.data as Float32Array)]));
    for (const tensor of Object.values(results)) tensor.dispose();
    this.#release();
    return inputs;
  }

  async dispose(): Promise<void> {
    this.#release();
    await Promise.all([this.#forward.dispose(), this.#backward.dispose()]);
  }

  #release(): void {
    for (const tensor of this.#held?.values() ?? []) tensor.dispose();
    this.#held = null;
  }
}

function feedsOf(tensors: ReadonlyMap<string, Tensor>, names: readonly string[]): InferenceSession.FeedsType {
  return Object.fromEntries(
    names.map((name) => {
      const tensor = tensors.get(name);
      assert(tensor, `a value for ${name}`);
      return [name, tensor] as const;
    }),
  );
}
