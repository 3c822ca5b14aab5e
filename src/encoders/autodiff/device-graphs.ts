import type { InferenceSession, Tensor } from 'onnxruntime-web/webgpu';
import { assert } from '../../base/assert.ts';
import type { OrtModule, OrtOptions } from '../ort.ts';
import type { Differentiated } from './differentiate.ts';
import { GraphSession } from './run.ts';
import { sizeOf } from './tape.ts';

/** A trained tensor of a network on a device, and where its gradient is put. Both keep their buffers for good. */
export interface DeviceTensor {
  readonly name: string;
  /** Values, float32. */
  readonly count: number;
  readonly weights: GPUBuffer;
  readonly gradient: GPUBuffer;
}

/** Where graphs run, and who makes their buffers: of so many bytes each, copyable both ways; they outlive the graphs. */
export interface GraphPlace {
  readonly device: GPUDevice;
  readonly allocate: (bytes: readonly number[]) => Promise<readonly GPUBuffer[]>;
}

/** A tensor of a graph's border in a buffer of ours. */
interface Held {
  readonly buffer: GPUBuffer;
  readonly dims: readonly number[];
}

/**
 * Both graphs of a network on the webgpu provider, one batch size. Inputs, outputs, weights and gradients have buffers that
 * stay, so kernels bind them once; what the backward graph takes of the forward one stays on the device too. Nothing is
 * read back, and nothing waits for the device.
 */
export class DeviceGraphs {
  readonly graphs: Differentiated;
  readonly trained: readonly DeviceTensor[];
  /** By name: what the graphs are fed, float32, row-major, and what they give. */
  readonly inputs: ReadonlyMap<string, GPUBuffer>;
  readonly outputs: ReadonlyMap<string, GPUBuffer>;
  /** ∂L/∂output by output, to be written before a backward run; 0 until then. ∂L/∂input by input, where it was asked for. */
  readonly outputGradients: ReadonlyMap<string, GPUBuffer>;
  readonly inputGradients: ReadonlyMap<string, GPUBuffer>;
  readonly #device: GPUDevice;
  readonly #forward: GraphSession;
  readonly #backward: GraphSession;
  /** Every border tensor by the name that it has in a graph, but for what is saved between the two. */
  readonly #held: ReadonlyMap<string, Held>;
  #tensors: ReadonlyMap<string, Tensor> | null = null;
  /** What the last forward run saved for the backward run. */
  #saved: InferenceSession.ReturnType | null = null;

  private constructor(graphs: Differentiated, device: GPUDevice, forward: GraphSession, backward: GraphSession, held: ReadonlyMap<string, Held>) {
    this.graphs = graphs;
    this.#device = device;
    this.#forward = forward;
    this.#backward = backward;
    this.#held = held;
    const buffer = (name: string): GPUBuffer => held.get(name)!.buffer;
    this.inputs = new Map(graphs.inputs.map(({ name }) => [name, buffer(name)]));
    this.outputs = new Map(graphs.outputs.map(({ name }) => [name, buffer(name)]));
    this.outputGradients = new Map(graphs.outputs.map(({ name, gradient }) => [name, buffer(gradient)]));
    this.inputGradients = new Map(graphs.inputGradients.map(({ input, gradient }) => [input, buffer(gradient)]));
    this.trained = graphs.weights.flatMap(({ name, gradient, elements }) => (gradient === null ? [] : [{ name, count: elements, weights: buffer(name), gradient: buffer(gradient) }]));
    for (const weight of graphs.weights) device.queue.writeBuffer(buffer(weight.name), 0, weight.read());
  }

  /**
   * Weights start as the file has them.
   * @param file for the sentences
   * @throws UserError as `GraphSession.create`, and what `allocate` throws
   */
  static async create(graphs: Differentiated, file: string, { device, allocate }: GraphPlace, options: OrtOptions = {}): Promise<DeviceGraphs> {
    const borders = new Map<string, readonly number[]>();
    for (const { name, dims } of graphs.inputs) borders.set(name, dims);
    for (const { name, dims, gradient } of graphs.outputs) borders.set(name, dims).set(gradient, dims);
    for (const { name, dims, gradient } of graphs.weights) {
      borders.set(name, dims);
      if (gradient !== null) borders.set(gradient, dims);
    }
    for (const { gradient, dims } of graphs.inputGradients) borders.set(gradient, dims);
    const provider = { name: 'webgpu', device } as const;
    const forward = await GraphSession.create(graphs.forward, provider, file, options);
    try {
      const backward = await GraphSession.create(graphs.backward, provider, file, options);
      try {
        const buffers = await allocate([...borders.values()].map((dims) => 4 * sizeOf(dims)));
        return new DeviceGraphs(graphs, device, forward, backward, new Map([...borders].map(([name, dims], k) => [name, { dims, buffer: buffers[k]! }])));
      } catch (thrown) {
        await backward.dispose();
        throw thrown;
      }
    } catch (thrown) {
      await forward.dispose();
      throw thrown;
    }
  }

  /** Write an input, row-major, at once. */
  feed(name: string, values: Float32Array): void {
    const held = this.#held.get(name);
    assert(held && values.length === sizeOf(held.dims), `${values.length} values for the input ${name}`);
    this.#device.queue.writeBuffer(held.buffer, 0, values as Float32Array<ArrayBuffer>);
  }

  /** From `inputs` to `outputs`, in the queue's order. @throws UserError as `GraphSession.run` */
  async forward(): Promise<void> {
    this.#release();
    const results = await this.#forward.run(
      (ort) => this.#feeds(ort, this.graphs.forwardInputs, null),
      (ort) => ({ ...Object.fromEntries(this.graphs.saved.map(({ name }) => [name, null])), ...this.#feeds(ort, this.graphs.outputs.map(({ name }) => name), null) }),
    );
    this.#saved = Object.fromEntries(this.graphs.saved.map(({ name }) => [name, results[name]!]));
  }

  /**
   * From `outputGradients` to `inputGradients` and the `gradient` of every trained tensor. It may be run again with other
   * `outputGradients` until the next forward run.
   */
  async backward(): Promise<void> {
    const saved = this.#saved;
    assert(saved, 'a forward run comes before a backward run');
    const wanted = [...this.graphs.weights, ...this.graphs.inputGradients].flatMap(({ gradient }) => gradient ?? []);
    await this.#backward.run(
      (ort) => this.#feeds(ort, this.graphs.backwardInputs, saved),
      (ort) => this.#feeds(ort, wanted, null),
    );
  }

  async dispose(): Promise<void> {
    this.#release();
    await Promise.all([this.#forward.dispose(), this.#backward.dispose()]);
  }

  #feeds(ort: OrtModule, names: readonly string[], saved: InferenceSession.ReturnType | null): Record<string, Tensor> {
    const tensors = (this.#tensors ??= new Map([...this.#held].map(([name, { buffer, dims }]) => [name, ort.Tensor.fromGpuBuffer(buffer, { dataType: 'float32', dims }) as Tensor])));
    return Object.fromEntries(
      names.map((name) => {
        const tensor = saved?.[name] ?? tensors.get(name);
        assert(tensor, `a value for ${name}`);
        return [name, tensor] as const;
      }),
    );
  }

  #release(): void {
    for (const tensor of Object.values(this.#saved ?? {})) tensor.dispose();
    this.#saved = null;
  }
}
