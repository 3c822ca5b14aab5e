/** How predicted actions (or noise) are compared with what they should be. */
export interface BcLossSettings {
  /** |error| as in ACT, or its square as in Diffusion Policy. */
  readonly kind: 'l1' | 'l2';
  /**
   * What the sum over unpadded entries is divided by: their number, or that of all entries. ACT's and LeRobot's code do
   * the latter, by which a batch with much padding counts less.
   */
  readonly mean: 'unpadded' | 'all';
}

/** Shape of a chunk of actions: batch × horizon × width, row-major. */
export interface ChunkShape {
  readonly batch: number;
  readonly horizon: number;
  /** Values an action. */
  readonly width: number;
}

/** Entries of a chunk. */
export const chunkSize = ({ batch, horizon, width }: ChunkShape): number => batch * horizon * width;

/**
 * N in loss = Σ ρ(error)/N; never 0, so that a batch of padding has loss 0.
 * @param unpadded steps (of batch × horizon) that are no padding
 */
export function lossDivisor({ mean }: BcLossSettings, shape: ChunkShape, unpadded: number): number {
  return mean === 'all' ? chunkSize(shape) : Math.max(1, unpadded * shape.width);
}

/**
 * Behaviour cloning's loss and its derivative, summed in float64:
 *
 *     loss = Σ ρ(x − y)/N over unpadded entries,   ∂loss/∂x = ρ'(x − y)/N there and 0 on padding
 *
 * with ρ(e) = |e| (ρ' = sign e, 0 at 0, as torch has it) or e². Where an error that counts is not finite, neither is the
 * loss, and the gradient is NaN.
 * @param prediction, target entries of `shape`  @param valid 1 for a step (of batch × horizon) that counts, 0 for
 * padding; null where none is padded
 */
export function bcLoss(prediction: Float32Array, target: Float32Array, valid: Float32Array | null, shape: ChunkShape, settings: BcLossSettings): { readonly loss: number; readonly gradient: Float32Array<ArrayBuffer> } {
  const steps = shape.batch * shape.horizon;
  const divisor = lossDivisor(settings, shape, valid ? valid.reduce((sum, value) => sum + value, 0) : steps);
  const gradient = new Float32Array(chunkSize(shape));
  let sum = 0;
  for (let k = 0; k < gradient.length; k++) {
    if (valid && valid[Math.floor(k / shape.width)] === 0) continue;
    const error = prediction[k]! - target[k]!;
    sum += settings.kind === 'l1' ? Math.abs(error) : error * error;
    // The sign of ∞ is a number like any other, and would hide it from the optimiser.
    gradient[k] = Number.isFinite(error) ? (settings.kind === 'l1' ? Math.sign(error) : 2 * error) / divisor : Number.NaN;
  }
  return { loss: sum / divisor, gradient };
}
