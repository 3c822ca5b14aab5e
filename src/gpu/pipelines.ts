import { UserError } from '../base/errors.ts';
import { lossOf, lostError } from './errors.ts';
import { shaderText, type ShaderName } from './shaders.ts';

/** Compute pipelines of one device, compiled once and kept. */
export class Pipelines {
  readonly #device: GPUDevice;
  readonly #made = new Map<string, Promise<GPUComputePipeline>>();

  constructor(device: GPUDevice) {
    this.#device = device;
  }

  /**
   * The pipeline of shader files put one after another, with values for their `override` constants.
   * @throws UserError `gpu-invalid` when the driver does not compile it
   */
  get(names: readonly ShaderName[], constants: Readonly<Record<string, number>> = {}): Promise<GPUComputePipeline> {
    const key = `${names.join('+')} ${JSON.stringify(constants)}`;
    let pipeline = this.#made.get(key);
    if (!pipeline) {
      pipeline = this.#compile(names, constants);
      this.#made.set(key, pipeline);
      // A failure is not kept: the next device state may compile it.
      pipeline.catch(() => this.#made.delete(key));
    }
    return pipeline;
  }

  async #compile(names: readonly ShaderName[], constants: Readonly<Record<string, number>>): Promise<GPUComputePipeline> {
    const label = names.join(' + ');
    // The scope keeps a shader's error from the console as well: it is reported below, with its line.
    this.#device.pushErrorScope('validation');
    const module = this.#device.createShaderModule({ label, code: names.map(shaderText).join('\n') });
    const scope = this.#device.popErrorScope();
    try {
      await scope;
      return await this.#device.createComputePipelineAsync({ label, layout: 'auto', compute: { module, entryPoint: 'main', constants } });
    } catch (thrown) {
      const loss = lossOf(this.#device);
      if (loss !== null) throw lostError(loss);
      const { messages } = await module.getCompilationInfo();
      const first = messages.find(({ type }) => type === 'error');
      const reason = first ? `line ${first.lineNum}: ${first.message}` : thrown instanceof Error ? thrown.message : String(thrown);
      throw new UserError('gpu-invalid', `The GPU driver does not accept the kernel ${label}: ${reason}`);
    }
  }
}

/** Bind buffers 0, 1, … of group 0. */
export function bindGroup(device: GPUDevice, pipeline: GPUComputePipeline, buffers: readonly GPUBuffer[]): GPUBindGroup {
  return device.createBindGroup({ layout: pipeline.getBindGroupLayout(0), entries: buffers.map((buffer, binding) => ({ binding, resource: { buffer } })) });
}

/** Encode one dispatch. */
export function dispatch(pass: GPUComputePassEncoder, pipeline: GPUComputePipeline, group: GPUBindGroup, x: number, y = 1, z = 1): void {
  pass.setPipeline(pipeline);
  pass.setBindGroup(0, group);
  pass.dispatchWorkgroups(x, y, z);
}
