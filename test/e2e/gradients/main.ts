import type { ErrorReport } from '../../../src/base/errors.ts';
import { reportError } from '../../../src/base/errors.ts';
import { differentiate } from '../../../src/encoders/autodiff/differentiate.ts';
import { gradientsOf } from '../../../src/encoders/autodiff/run.ts';
import { preflight } from '../../../src/encoders/preflight.ts';
import { openDevice } from '../../../src/gpu/device.ts';

/** A page that differentiates encoders and runs both graphs on the GPU: `gradients.spec.ts` drives it. */

export interface GradientOrder {
  readonly file: string;
  readonly bytes: readonly number[];
  readonly where: 'wasm' | 'webgpu';
  /** Of the one input. */
  readonly shape: readonly number[];
  readonly x: readonly number[];
  /** ∂L/∂output of the first output. */
  readonly dy: readonly number[];
}

export interface GradientAnswer {
  readonly output: readonly number[];
  readonly gradients: readonly (readonly [name: string, values: readonly number[]])[];
}

let device: Promise<GPUDevice> | null = null;

const page = {
  async gradients({ file, bytes, where, shape, x, dy }: GradientOrder): Promise<GradientAnswer | { readonly error: ErrorReport }> {
    try {
      const model = Uint8Array.from(bytes);
      const examined = preflight(model, file);
      const [input, output] = [[...examined.inputs.keys()][0]!, [...examined.outputs.keys()][0]!];
      const graphs = await differentiate({ bytes: model, preflight: examined }, { shapes: new Map([[input, shape]]), outputs: [output], inputGradients: [input] });
      device ??= openDevice(navigator.gpu).then((opened) => opened.device);
      const provider = where === 'webgpu' ? ({ name: 'webgpu', device: await device } as const) : ({ name: 'wasm' } as const);
      const found = await gradientsOf(graphs, provider, file, { inputs: new Map([[input, Float32Array.from(x)]]), outputGradients: new Map([[output, Float32Array.from(dy)]]) });
      return { output: [...found.outputs.get(output)!], gradients: [...found.gradients].map(([name, values]) => [name, [...values]]) };
    } catch (error) {
      return { error: reportError(error) };
    }
  },
};

export type GradientPage = typeof page;
Object.assign(globalThis, { page });
