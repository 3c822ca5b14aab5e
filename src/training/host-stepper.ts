import { CpuAdamW } from '../core/training/adamw.ts';
import { HostGraphs } from '../encoders/autodiff/host-graphs.ts';
import type { OrtOptions } from '../encoders/ort.ts';
import { forwardRows, policyActions, type ActionNoise, type ForwardRun, type OutputRows } from './act.ts';
import { hostStep, type HostPolicy, type StepInput, type StepOptions, type StepResult } from './step.ts';
import type { PolicyDesign, PolicyState, Stepper } from './stepper.ts';

/** A run on the host: ONNX Runtime's wasm provider, the float64 solver, `CpuAdamW`. */
export class HostStepper implements Stepper {
  readonly #policy: HostPolicy;

  private constructor(policy: HostPolicy) {
    this.#policy = policy;
  }

  /** @throws UserError as `HostGraphs.create` */
  static async create({ encoder, head, groups, adamw, averaged, ...design }: PolicyDesign, options: OrtOptions = {}): Promise<HostStepper> {
    const encoderGraphs = await HostGraphs.create(encoder.graphs, encoder.file, options);
    try {
      const headGraphs = head && (await HostGraphs.create(head.graphs, head.file, options));
      const parameters = [encoderGraphs, ...(headGraphs ? [headGraphs] : [])].flatMap(({ trained }, group) => trained.map(({ values, gradient }) => ({ group, values, gradient })));
      return new HostStepper({ ...design, encoder: encoderGraphs, head: headGraphs, optimiser: new CpuAdamW(parameters, groups, adamw, averaged) });
    } catch (thrown) {
      await encoderGraphs.dispose();
      throw thrown;
    }
  }

  step(input: StepInput, t: number, learningRate: number, decay: number, options?: StepOptions): Promise<StepResult> {
    return hostStep(this.#policy, input, t, learningRate, decay, options);
  }

  embed(inputs: ReadonlyMap<string, Float32Array>, count: number): Promise<OutputRows> {
    return forwardRows(forwardOf(this.#policy.encoder), this.#policy.embedding, inputs, count);
  }

  act(inputs: ReadonlyMap<string, Float32Array>, proprio: Float32Array | null, count: number, noise: ActionNoise | null): Promise<OutputRows> {
    const { encoder, head } = this.#policy;
    return policyActions({ ...this.#policy, encoder: forwardOf(encoder), head: head && forwardOf(head) }, inputs, proprio, count, noise);
  }

  state(): Promise<PolicyState> {
    const { encoder, head, optimiser } = this.#policy;
    const copies = (network: 'encoder' | 'head', graphs: HostGraphs | null): PolicyState['weights'] => graphs?.trained.map(({ name, values }) => ({ network, name, values: values.slice() })) ?? [];
    return Promise.resolve({ weights: [...copies('encoder', encoder), ...copies('head', head)], optimiser: optimiser.state });
  }

  restore({ weights, optimiser }: PolicyState): void {
    const given = new Map(weights.map(({ network, name, values }) => [`${network} ${name}`, values]));
    for (const [network, graphs] of [['encoder', this.#policy.encoder], ['head', this.#policy.head]] as const) for (const { name, values } of graphs?.trained ?? []) values.set(given.get(`${network} ${name}`)!);
    this.#policy.optimiser.restore(optimiser);
  }

  async dispose(): Promise<void> {
    await Promise.all([this.#policy.encoder.dispose(), this.#policy.head?.dispose()]);
  }
}

const forwardOf = (graphs: HostGraphs): ForwardRun => ({
  outputs: graphs.graphs.outputs,
  run: async (inputs, output) => (await graphs.forward(inputs)).get(output)!,
});
