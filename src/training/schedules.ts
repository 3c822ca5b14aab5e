/** How the learning rate goes over a run of `steps`. */
export interface RateSchedule {
  readonly kind: 'constant' | 'cosine';
  /** Steps in which it rises linearly from 0. */
  readonly warmup: number;
  readonly steps: number;
}

/** How λ, the weight of the transport term, goes: at once, or linearly from 0 in `steps`. */
export type LambdaSchedule = { readonly kind: 'constant' } | { readonly kind: 'ramp'; readonly steps: number };

/**
 * Share of the peak learning rate at a step, counted from 0: step/warmup while it warms up (so the first step of a
 * warm-up moves nothing), then 1, or ½(1 + cos(π·progress)). As `get_scheduler` of diffusers, which LeRobot and Diffusion
 * Policy use, but that a cosine stays at 0 beyond its end, where theirs rises again.
 */
export function rateAt({ kind, warmup, steps }: RateSchedule, step: number): number {
  if (step < warmup) return step / Math.max(1, warmup);
  if (kind === 'constant') return 1;
  const progress = Math.min(1, (step - warmup) / Math.max(1, steps - warmup));
  return 0.5 * (1 + Math.cos(Math.PI * progress));
}

/** Share of λ at a step, counted from 0: step/steps up to 1 on a ramp. */
export function lambdaAt(schedule: LambdaSchedule, step: number): number {
  return schedule.kind === 'constant' ? 1 : Math.min(1, step / Math.max(1, schedule.steps));
}
