import type { UotProblem } from '../../../src/core/ot/problem.ts';
import type { StepInput } from '../../../src/training/step.ts';
import type { Cloud } from '../../problems.ts';

/** log u and log v, one after the other, after a fixed number of iterations. */
export type Iterated = ArrayLike<number>;

/** Tensors to start from, in the order of their layers. */
export type StepWeights = readonly { readonly dims: readonly number[]; readonly values: Float32Array }[];

/**
 * Another library that computes on WebGPU. Each function is prepared once for its problem (kernels compiled) and run
 * many times; a run starts from arrays on the CPU and ends with its result there.
 */
export interface Peer {
  /**
   * Plain log-domain Sinkhorn, as POT iterates, from log v = 0:
   *
   *     log u ← ρ₁(log a − LSE_j(log K + log v)),  log v ← ρ₂(log b − LSE_i(log K + log u)),  log K = log abᵀ − M/reg.
   */
  iterate(problem: UotProblem, iterations: number): () => Promise<Iterated>;
  /** ‖x_i − y_j‖² in the Gram form, which is how both libraries are fast at it. */
  distances(x: Cloud, y: Cloud): () => Promise<ArrayLike<number>>;
  /**
   * The demo's training step, where the library has gradients: a run takes one, and gives BC's loss and ⟨π,M⟩/σ.
   * @param weight of ‖z − z'‖² in M
   */
  readonly step?: (weights: StepWeights, sizes: { readonly n: number; readonly m: number; readonly bc: number }, first: StepInput, weight: number, learningRate: number) => (input: StepInput, t: number) => Promise<ArrayLike<number>>;
}

export const PEERS = ['jax-js', 'tfjs'] as const;
export type PeerName = (typeof PEERS)[number];

/**
 * Load a peer and start it on WebGPU.
 * @throws where its package is not installed, or it finds no adapter
 */
export async function openPeer(name: PeerName): Promise<Peer> {
  if (name === 'jax-js') return (await import('./jax.ts')).openJax();
  return (await import('./tfjs.ts')).openTfjs();
}
