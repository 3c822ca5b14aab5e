import type { Session } from './session.ts';

/**
 * What a run of training cannot go on without, as text: two sessions with the same key may take the next step of one run.
 * Left out is what may change from one step to the next (solve settings, λ, learning rate and its schedule, number of
 * steps), and where the data come from: only who holds them knows whether they are the same.
 */
export function trainingKey({ features, batch, pairing, training, policy }: Pick<Session, 'features' | 'batch' | 'pairing' | 'training' | 'policy'>): string {
  const { lambda: _, document: __, ...sampling } = training;
  const { learningRate: ___, steps: ____, schedule: _____, warmup: ______, lambdaRamp: _______, ...network } = policy;
  return JSON.stringify([features, batch, pairing, sampling, network]);
}
