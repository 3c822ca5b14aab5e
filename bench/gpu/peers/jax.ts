import { defaultDevice, init, jit, nn, numpy as np, type Array as JaxArray } from '@jax-js/jax';
import { relaxation } from '../../../src/core/ot/kernel.ts';
import { jaxStep } from './jax-step.ts';
import type { Peer } from './peer.ts';

/** jax-js on WebGPU: each computation is one jitted function, so that it fuses what it can, with one read-back. */
export async function openJax(): Promise<Peer> {
  if (!(await init('webgpu')).includes('webgpu')) throw new Error('jax-js finds no WebGPU adapter');
  defaultDevice('webgpu');
  const upload = (values: Float64Array, shape: number[]): JaxArray => np.array(Float32Array.from(values)).reshape(shape);
  return {
    step: jaxStep,
    iterate: ({ n, m, cost, a, b, reg, tau1, tau2 }, iterations) => {
      const sinkhorn = jit((costs, logA, logB) => {
        const logK = logA.ref.reshape([n, 1]).add(logB.ref.reshape([1, m])).sub(costs.mul(1 / reg));
        const rows = (y: JaxArray): JaxArray => logA.ref.sub(nn.logsumexp(logK.ref.add(y), 1)).mul(relaxation(tau1, reg));
        const columns = (x: JaxArray): JaxArray => logB.ref.sub(nn.logsumexp(logK.ref.add(x.reshape([n, 1])), 0)).mul(relaxation(tau2, reg));
        let x = rows(np.zeros([m]));
        let y = columns(x.ref);
        for (let k = 1; k < iterations; k++) {
          x.dispose();
          x = rows(y);
          y = columns(x.ref);
        }
        logA.dispose();
        logB.dispose();
        logK.dispose();
        return np.concatenate([x, y]);
      });
      return async () => sinkhorn(upload(cost, [n, m]), upload(a.map(Math.log), [n]), upload(b.map(Math.log), [m])).data();
    },
    distances: (x, y) => {
      const n = x.values.length / x.width;
      const m = y.values.length / y.width;
      const squares = (values: JaxArray): JaxArray => values.ref.mul(values).sum(1);
      const gram = jit((p, q) =>
        squares(p.ref)
          .reshape([n, 1])
          .add(squares(q.ref).reshape([1, m]))
          .sub(np.matmul(p, q.transpose()).mul(2)),
      );
      return async () => gram(upload(x.values, [n, x.width]), upload(y.values, [m, y.width])).data();
    },
  };
}
