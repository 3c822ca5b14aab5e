import { DeviceGraphs } from '../encoders/autodiff/device-graphs.ts';
import type { OrtOptions } from '../encoders/ort.ts';
import { Buffers, readBack } from '../gpu/buffers.ts';
import { lossOf, lostError } from '../gpu/errors.ts';
import type { GpuSolver } from '../gpu/solver.ts';
import { forwardRows, policyActions, type ActionNoise, type ForwardRun, type OutputRows } from './act.ts';
import { DevicePolicy, graphPlace } from './device-policy.ts';
import { deviceStep } from './device-step.ts';
import type { StepInput, StepOptions, StepResult } from './step.ts';
import type { PolicyDesign, PolicyState, Stepper } from './stepper.ts';

/** The embeddings of a step are read back for their spread in the first so many steps, then in every so-manieth. */
const LOOK_EVERY = 10;

/**
 * A run on a device: ONNX Runtime's webgpu provider and our kernels. Weights and moments stay there; a step reads scalars
 * and n + m sums back (and z where its spread is due), `state` reads everything.
 */
export class DeviceStepper implements Stepper {
  readonly #policy: DevicePolicy;
  readonly #device: GPUDevice;

  private constructor(policy: DevicePolicy) {
    this.#policy = policy;
    this.#device = policy.solver.device;
  }

  /**
   * Everything on the solver's device. The graphs are run once on zeros, so that what a driver refuses shows here.
   * @throws UserError `encoder-no-gpu`, `gpu-memory`, and as `GraphSession.run` and `guarded`
   */
  static async create({ encoder, head, ...design }: PolicyDesign, solver: GpuSolver, options: OrtOptions = {}): Promise<DeviceStepper> {
    const buffers = new Buffers(solver.device);
    const opened: DeviceGraphs[] = [];
    try {
      for (const { graphs, file } of [encoder, ...(head ? [head] : [])]) {
        const network = await DeviceGraphs.create(graphs, file, graphPlace(buffers), options);
        opened.push(network);
        await network.forward();
        await network.backward();
      }
      return new DeviceStepper(await DevicePolicy.create(solver, { ...design, buffers, encoder: opened[0]!, head: opened[1] ?? null }));
    } catch (thrown) {
      await Promise.allSettled(opened.map((one) => one.dispose()));
      buffers.destroy();
      throw thrown;
    }
  }

  step(input: StepInput, t: number, learningRate: number, decay: number, { look = t <= LOOK_EVERY || t % LOOK_EVERY === 0, mark }: StepOptions = {}): Promise<StepResult> {
    return this.#alive(() => deviceStep(this.#policy, input, t, learningRate, decay, { look, ...(mark ? { mark } : {}) }));
  }

  embed(inputs: ReadonlyMap<string, Float32Array>, count: number): Promise<OutputRows> {
    const { encoder, embedding } = this.#policy.parts;
    return this.#alive(() => forwardRows(this.#forwardOf(encoder), embedding, inputs, count));
  }

  act(inputs: ReadonlyMap<string, Float32Array>, proprio: Float32Array | null, count: number, noise: ActionNoise | null): Promise<OutputRows> {
    const { encoder, head, ...parts } = this.#policy.parts;
    return this.#alive(() => policyActions({ ...parts, encoder: this.#forwardOf(encoder), head: head && this.#forwardOf(head) }, inputs, proprio, count, noise));
  }

  state(): Promise<PolicyState> {
    return this.#alive(() => this.#policy.state());
  }

  restore(state: PolicyState): void {
    this.#policy.restore(state);
  }

  dispose(): Promise<void> {
    return this.#policy.dispose();
  }

  #forwardOf(graphs: DeviceGraphs): ForwardRun {
    return {
      outputs: graphs.graphs.outputs,
      run: async (inputs, output) => {
        for (const name of graphs.inputs.keys()) graphs.feed(name, inputs.get(name)!);
        await graphs.forward();
        const { dims } = graphs.graphs.outputs.find(({ name }) => name === output)!;
        const [bytes] = await readBack(this.#device, [{ buffer: graphs.outputs.get(output)!, bytes: 4 * dims.reduce((product, size) => product * size, 1) }]);
        return new Float32Array(bytes!);
      },
    };
  }

  /** A lost device is called that, whoever met it first. @throws UserError `gpu-lost` */
  async #alive<T>(task: () => Promise<T>): Promise<T> {
    // This starts watching it.
    lossOf(this.#device);
    try {
      return await task();
    } catch (thrown) {
      // The runtime may fail before the device says that it is gone.
      await new Promise((resolve) => setTimeout(resolve, 0));
      const loss = lossOf(this.#device);
      throw loss === null ? thrown : lostError(loss);
    }
  }
}
