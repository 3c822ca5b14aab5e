/** When an iteration stops. */
export interface IterationSettings {
  readonly maxIterations: number;
  /** Parity: POT's err; fast: largest move of a potential in log2 units. */
  readonly threshold: number;
}

/** What a kernel leaves: potentials in units of cost, and how it ended. */
export interface RawOutcome {
  /** f = reg·log u, length n, and g = reg·log v, length m; −∞ where the literal scheme drives u or v to 0. */
  readonly f: Float64Array;
  readonly g: Float64Array;
  readonly iterations: number;
  readonly error: number;
  readonly converged: boolean;
}

/**
 * Why a problem belongs to the float64 solver:
 * - `cost-range`: max M/reg > 1e4, where float32 knows log K to 1e-3 at best;
 * - `potential-range`: max(|log u|, |log v|) > 1e3, likewise;
 * - `stalled`: the fast iteration did not settle;
 * - `uncertified`: it settled, but duality gap or hard marginals, seen in float64, say that it is not the optimum;
 * - `non-finite`: something overflowed.
 */
export type HandoverReason = 'cost-range' | 'potential-range' | 'stalled' | 'uncertified' | 'non-finite';
