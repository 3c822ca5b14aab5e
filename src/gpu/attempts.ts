import type { RawOutcome } from './outcome.ts';

/** One try at a problem in fast mode. */
export interface Attempt {
  /** Halve ε from level to level and stay longer at each, from potentials 0, rather than quarter it from a warm start. */
  readonly careful: boolean;
  /** Centre the costs around what the tries before it reached: float32 then carries what is left to be found. */
  readonly refine: boolean;
  /** Most sweeps. */
  readonly sweeps: number;
}

export const BOLD: Attempt = { careful: false, refine: false, sweeps: Infinity };

/** Boldly from the start given; where that stalls, carefully from nothing; then around what was reached. */
export const ATTEMPTS: readonly Attempt[] = [
  { ...BOLD, sweeps: 100 },
  { careful: true, refine: false, sweeps: 200 },
  { careful: false, refine: true, sweeps: 100 },
];

/** Of two tries at a problem the one that came closer, with the sweeps of both. */
export function closer(before: RawOutcome, after: RawOutcome): RawOutcome {
  const better = after.converged || after.error < before.error ? after : before;
  return { ...better, iterations: before.iterations + after.iterations };
}
