/**
 * How other libraries write the marginal relaxation that is τ here (POT's `reg_m`, in units of cost).
 * The one place where these conversions are made.
 */

/** OTT-JAX `tau_a`/`tau_b` ∈ (0, 1]: τ/(τ+reg); 1 for a hard marginal. */
export const ottTau = (tau: number, reg: number): number => (tau === Infinity ? 1 : tau / (tau + reg));

/** τ from OTT-JAX's value. */
export const tauFromOtt = (value: number, reg: number): number => (value === 1 ? Infinity : (reg * value) / (1 - value));

/** GeomLoss `reach` with p = 2: reach² = τ, for GeomLoss's blur² = reg and its cost |x−y|²/2 rescaled to M. */
export const geomlossReach = (tau: number): number => Math.sqrt(tau);

/** τ from GeomLoss's reach. */
export const tauFromReach = (reach: number): number => reach * reach;
