import * as tf from '@tensorflow/tfjs-core';
import '@tensorflow/tfjs-backend-webgpu';
import { relaxation } from '../../../src/core/ot/kernel.ts';
import type { Peer } from './peer.ts';

/** TensorFlow.js on WebGPU, with its defaults: a `tidy` around each computation, one read-back. It has no jit. */
export async function openTfjs(): Promise<Peer> {
  if (!(await tf.setBackend('webgpu'))) throw new Error('tfjs finds no WebGPU adapter');
  await tf.ready();
  const upload = (values: Float64Array, shape: number[]): tf.Tensor => tf.tensor(Float32Array.from(values), shape);
  const read = async (compute: () => tf.Tensor): Promise<Float32Array> => {
    const result = tf.tidy(compute);
    const values = await result.data();
    result.dispose();
    return values;
  };
  return {
    iterate:
      ({ n, m, cost, a, b, reg, tau1, tau2 }, iterations) =>
      async () =>
        read(() => {
          const logA = upload(a.map(Math.log), [n]);
          const logB = upload(b.map(Math.log), [m]);
          const logK = tf.sub(tf.add(tf.reshape(logA, [n, 1]), tf.reshape(logB, [1, m])), tf.mul(upload(cost, [n, m]), 1 / reg));
          let x = tf.zeros([n]);
          let y = tf.zeros([m]);
          for (let k = 0; k < iterations; k++) {
            x = tf.mul(tf.sub(logA, tf.logSumExp(tf.add(logK, y), 1)), relaxation(tau1, reg));
            y = tf.mul(tf.sub(logB, tf.logSumExp(tf.add(logK, tf.reshape(x, [n, 1])), 0)), relaxation(tau2, reg));
          }
          return tf.concat([x, y]);
        }),
    distances: (x, y) => {
      const n = x.values.length / x.width;
      const m = y.values.length / y.width;
      return async () =>
        read(() => {
          const p = upload(x.values, [n, x.width]);
          const q = upload(y.values, [m, y.width]);
          const squares = tf.add(tf.reshape(tf.sum(tf.square(p), 1), [n, 1]), tf.reshape(tf.sum(tf.square(q), 1), [1, m]));
          return tf.sub(squares, tf.mul(tf.matMul(p, q, false, true), 2));
        });
    },
  };
}
