import { chunkSize } from '../core/training/bc-loss.ts';
import type { DeviceGraphs, GraphPlace } from '../encoders/autodiff/device-graphs.ts';
import { GpuAdamW } from '../gpu/adamw.ts';
import { GpuBcLoss } from '../gpu/bc-loss.ts';
import { readBack, type Buffers } from '../gpu/buffers.ts';
import { guarded } from '../gpu/errors.ts';
import type { GpuSolver } from '../gpu/solver.ts';
import { StepTransport } from '../gpu/step-transport.ts';
import type { PolicyDesign, PolicyState } from './stepper.ts';

/** What a policy on a device is made of, as `HostPolicy` of graphs on the host. */
export interface DevicePolicyParts extends Omit<PolicyDesign, 'encoder' | 'head'> {
  /** Everything of the policy on the device: `graphPlace` allocates from it, and it is destroyed with the policy. */
  readonly buffers: Buffers;
  readonly encoder: DeviceGraphs;
  readonly head: DeviceGraphs | null;
}

/** Where `DeviceGraphs` lie for a policy. */
export function graphPlace(buffers: Buffers): GraphPlace {
  const { device } = buffers;
  return { device, allocate: (bytes) => guarded(device, 'the weights of a policy', () => bytes.map((size) => buffers.storage(size))) };
}

/** Buffers between the graphs and the kernels of a step. */
interface Between {
  /** What the loss is taken of; the head's own output where there is one. */
  readonly prediction: GPUBuffer;
  readonly predictionGradient: GPUBuffer;
  readonly wanted: GPUBuffer;
  readonly valid: GPUBuffer;
  readonly losses: GPUBuffer;
}

/** The parts of a policy that learn, on a device: graphs, problem, loss and optimiser on buffers that stay. */
export class DevicePolicy {
  readonly solver: GpuSolver;
  readonly parts: DevicePolicyParts;
  readonly optimiser: GpuAdamW;
  readonly loss: GpuBcLoss;
  /** null for a batch without a problem. */
  readonly transport: StepTransport | null;
  readonly between: Between;
  /** z and ∂loss/∂z of the whole batch, and values a row. */
  readonly embeddings: GPUBuffer;
  readonly embeddingGradient: GPUBuffer;
  readonly width: number;

  private constructor(solver: GpuSolver, parts: DevicePolicyParts, made: { optimiser: GpuAdamW; loss: GpuBcLoss; transport: StepTransport | null }, between: Between, width: number) {
    this.solver = solver;
    this.parts = parts;
    this.optimiser = made.optimiser;
    this.loss = made.loss;
    this.transport = made.transport;
    this.between = between;
    this.embeddings = parts.encoder.outputs.get(parts.embedding)!;
    this.embeddingGradient = parts.encoder.outputGradients.get(parts.embedding)!;
    this.width = width;
  }

  /** @throws UserError `gpu-memory`; as `guarded` */
  static async create(solver: GpuSolver, parts: DevicePolicyParts): Promise<DevicePolicy> {
    const { device, pipelines } = solver;
    const { buffers, encoder, head, embedding, sizes, chunk, weight } = parts;
    const { n, m, bc } = sizes;
    const dims = encoder.graphs.outputs.find(({ name }) => name === embedding)!.dims;
    const width = dims.slice(1).reduce((product, size) => product * size, 1);
    const parameters = [encoder, ...(head ? [head] : [])].flatMap(({ trained }, group) => trained.map(({ count, weights, gradient }) => ({ group, count, weights, gradient })));
    const made: { destroy(): void }[] = [];
    const kept = <T extends { destroy(): void }>(one: T): T => {
      made.push(one);
      return one;
    };
    try {
      const optimiser = kept(await GpuAdamW.create(device, pipelines, parameters, parts.groups, parts.adamw, parts.averaged));
      const loss = kept(await GpuBcLoss.create(device, pipelines, parts.loss));
      const transport = n > 0 && m > 0 ? kept(await StepTransport.create(solver, { n, m, width, weight }, { embeddings: encoder.outputs.get(embedding)!, gradient: encoder.outputGradients.get(embedding)!, guard: encoder.trained[0]!.gradient })) : null;
      const between = await guarded(device, 'the loss of a policy', (): Between => {
        const size = 4 * chunkSize({ batch: bc, ...chunk });
        const output = head?.graphs.outputs[0]!.name;
        return {
          prediction: output === undefined ? buffers.storage(size) : head!.outputs.get(output)!,
          predictionGradient: output === undefined ? buffers.storage(size) : head!.outputGradients.get(output)!,
          wanted: buffers.storage(size),
          valid: buffers.storage(4 * bc * chunk.horizon),
          losses: buffers.storage(4),
        };
      });
      return new DevicePolicy(solver, parts, { optimiser, loss, transport }, between, width);
    } catch (thrown) {
      for (const one of made) one.destroy();
      throw thrown;
    }
  }

  /** A copy of all that training has changed. */
  async state(): Promise<PolicyState> {
    const tensors = this.#tensors();
    const { stateReadings } = this.optimiser;
    const bytes = await readBack(this.solver.device, [...tensors.map(({ buffer, count }) => ({ buffer, bytes: 4 * count })), ...stateReadings]);
    return {
      weights: tensors.map(({ network, name }, k) => ({ network, name, values: new Float32Array(bytes[k]!) })),
      optimiser: this.optimiser.stateOf(bytes.slice(tensors.length)),
    };
  }

  /** Go on from a state that `stateFits`, of this policy or of one on the host. */
  restore({ weights, optimiser }: PolicyState): void {
    const tensors = new Map(this.#tensors().map((tensor) => [`${tensor.network} ${tensor.name}`, tensor]));
    for (const { network, name, values } of weights) this.solver.device.queue.writeBuffer(tensors.get(`${network} ${name}`)!.buffer, 0, values);
    this.optimiser.restore(optimiser);
  }

  async dispose(): Promise<void> {
    const { encoder, head, buffers } = this.parts;
    await Promise.all([encoder.dispose(), head?.dispose()]);
    this.transport?.destroy();
    this.optimiser.destroy();
    this.loss.destroy();
    buffers.destroy();
  }

  #tensors(): { network: 'encoder' | 'head'; name: string; buffer: GPUBuffer; count: number }[] {
    const of = (network: 'encoder' | 'head', graphs: DeviceGraphs | null): { network: 'encoder' | 'head'; name: string; buffer: GPUBuffer; count: number }[] => graphs?.trained.map(({ name, weights, count }) => ({ network, name, buffer: weights, count })) ?? [];
    return [...of('encoder', this.parts.encoder), ...of('head', this.parts.head)];
  }
}
