import { jit, lax, nn, numpy as np, valueAndGrad, type Array as JaxArray } from '@jax-js/jax';
import { relaxation } from '../../../src/core/ot/kernel.ts';
import type { StepInput } from '../../../src/training/step.ts';
import type { StepWeights } from './peer.ts';

/** torch's and our AdamW's constants; a step of the schedule's first kind. */
const [BETA1, BETA2, EPSILON, DECAY, MAX_NORM] = [0.9, 0.999, 1e-8, 1e-2, 10];

/** Plain Sinkhorn sweeps of a step: about what the accelerated solver takes. */
export const STEP_SWEEPS = 20;

/**
 * The demo's training step as one jitted function: MLP with LayerNorm, head, L2, M, Sinkhorn with a held plan, gradients
 * by `valueAndGrad`, clipping and AdamW. Weights and moments stay on the GPU; the losses are read.
 * @param weights encoder's and head's layers in order, weight then bias
 */
export function jaxStep(weights: StepWeights, sizes: { readonly n: number; readonly m: number; readonly bc: number }, first: StepInput, weight: number, learningRate: number): (input: StepInput, t: number) => Promise<ArrayLike<number>> {
  const { n, m, bc } = sizes;
  const { reg, tau1, tau2, lambda } = first.transport;
  const linear = (x: JaxArray, w: JaxArray, b: JaxArray): JaxArray => np.matmul(x, w.transpose()).add(b);

  const loss = (params: JaxArray[], x: JaxArray, fixed: JaxArray, proprio: JaxArray, wanted: JaxArray, share: JaxArray): [JaxArray, JaxArray] => {
    const [w0, b0, w1, b1, ...head] = params as [JaxArray, JaxArray, JaxArray, JaxArray, ...JaxArray[]];
    const z = nn.standardize(linear(nn.relu(linear(x, w0, b0)), w1, b1), -1, { epsilon: 1e-5 });
    let action = np.concatenate([z.ref.slice([n + m, n + m + bc]), proprio], 1);
    for (let k = 0; k < head.length; k += 2) {
      action = linear(action, head[k]!, head[k + 1]!);
      if (k + 2 < head.length) action = nn.relu(action);
    }
    const off = action.sub(wanted);
    const cloned = np.sum(off.ref.mul(off).mul(share));
    const source = z.ref.slice([0, n]);
    const target = z.slice([n, n + m]);
    const squares = (values: JaxArray): JaxArray => np.sum(values.ref.mul(values), 1);
    const distances = squares(source.ref).reshape([n, 1]).add(squares(target.ref).reshape([1, m])).sub(np.matmul(source, target.transpose()).mul(2));
    const raw = fixed.add(distances.mul(weight));
    const cost = raw.ref.div(lax.stopGradient(np.max(raw)));
    const plan = lax.stopGradient(sinkhorn(lax.stopGradient(cost.ref)));
    const transport = np.sum(plan.mul(cost));
    return [cloned.ref.add(transport.ref.mul(lambda)), np.concatenate([cloned.reshape([1]), transport.reshape([1])])];
  };

  const sinkhorn = (cost: JaxArray): JaxArray => {
    const [logA, logB] = [-Math.log(n), -Math.log(m)];
    const logK = cost.mul(-1 / reg).add(logA + logB);
    const lines = (values: JaxArray, axis: number, log: number, tau: number): JaxArray => nn.logsumexp(values, axis).mul(-1).add(log).mul(relaxation(tau, reg));
    let x = lines(logK.ref, 1, logA, tau1);
    let y = lines(logK.ref.add(x.ref.reshape([n, 1])), 0, logB, tau2);
    for (let k = 1; k < STEP_SWEEPS; k++) {
      x.dispose();
      x = lines(logK.ref.add(y), 1, logA, tau1);
      y = lines(logK.ref.add(x.ref.reshape([n, 1])), 0, logB, tau2);
    }
    return np.exp(logK.add(x.reshape([n, 1])).add(y));
  };

  const step = jit((params: JaxArray[], ms: JaxArray[], vs: JaxArray[], rates: JaxArray, ...data: [JaxArray, JaxArray, JaxArray, JaxArray, JaxArray]): [JaxArray[], JaxArray[], JaxArray[], JaxArray] => {
    const [[total, losses], gradients] = valueAndGrad(loss, { hasAux: true })(params.map((value) => value.ref), ...data);
    total.dispose();
    const norm = np.sqrt(gradients.map((gradient) => np.sum(gradient.ref.mul(gradient.ref))).reduce((sum, value) => sum.add(value)));
    const clip = np.minimum(np.array(1), np.array(MAX_NORM).div(norm.add(1e-6)));
    const stepSize = rates.ref.slice(0);
    const root = rates.slice(1);
    const clipped = gradients.map((gradient) => gradient.mul(clip.ref));
    const nextM = ms.map((value, k) => value.mul(BETA1).add(clipped[k]!.ref.mul(1 - BETA1)));
    const nextV = vs.map((value, k) => value.mul(BETA2).add(clipped[k]!.ref.mul(clipped[k]!).mul(1 - BETA2)));
    const next = params.map((value, k) => value.mul(1 - learningRate * DECAY).sub(nextM[k]!.ref.mul(stepSize.ref).div(np.sqrt(nextV[k]!.ref).div(root.ref).add(EPSILON))));
    for (const used of [clip, stepSize, root]) used.dispose();
    return [next, nextM, nextV, losses];
  });

  const upload = (values: Float32Array, shape: number[]): JaxArray => np.array(values).reshape(shape);
  let params = weights.map(({ dims, values }) => upload(values, [...dims]));
  let ms = weights.map(({ dims }) => np.zeros([...dims]));
  let vs = weights.map(({ dims }) => np.zeros([...dims]));
  return async ({ feeds, fixed, bc: rows }, t) => {
    const [x] = feeds.values();
    const [proprio] = rows.inputs.values();
    const width = rows.wanted.length / bc;
    const valid = rows.valid ?? new Float32Array(bc).fill(1);
    const counted = valid.reduce((sum, value) => sum + value, 0) * width;
    const rates = Float32Array.of(learningRate / (1 - BETA1 ** t), Math.sqrt(1 - BETA2 ** t));
    const [next, nextM, nextV, losses] = step(
      params, ms, vs, np.array(rates),
      upload(x!, [n + m + bc, x!.length / (n + m + bc)]),
      upload(Float32Array.from(fixed), [n, m]),
      upload(proprio!, [bc, proprio!.length / bc]),
      upload(rows.wanted, [bc, width]),
      upload(valid.map((value) => value / counted), [bc, 1]),
    );
    [params, ms, vs] = [next, nextM, nextV];
    return losses.data();
  };
}
