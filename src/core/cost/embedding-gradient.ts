/**
 * The derivative of w·⟨π,M_embed⟩ for a π that is held, M_embed = ‖z_i − z'_j‖² (docs/method.md, training):
 *
 *     ∂/∂z_i = 2w·Σ_j π_ij (z_i − z'_j),   ∂/∂z'_j = 2w·Σ_i π_ij (z'_j − z_i)
 *
 * @param plan π, n × m
 * @param source, target z and z', n × width and m × width
 * @param into (n + m) × width: the source's rows, then the target's; overwritten
 */
export function embeddingGradient(plan: Float64Array, source: Float32Array, target: Float32Array, width: number, weight: number, into: Float32Array): void {
  const n = source.length / width;
  const m = target.length / width;
  const sums = new Float64Array((n + m) * width);
  for (let i = 0; i < n; i++)
    for (let j = 0; j < m; j++) {
      const mass = plan[i * m + j]!;
      if (mass === 0) continue;
      for (let d = 0; d < width; d++) {
        const pull = mass * (source[i * width + d]! - target[j * width + d]!);
        sums[i * width + d]! += pull;
        sums[(n + j) * width + d]! -= pull;
      }
    }
  for (let k = 0; k < sums.length; k++) into[k] = 2 * weight * sums[k]!;
}
