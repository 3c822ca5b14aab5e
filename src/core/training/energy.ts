/**
 * The energy distance of two batches of embeddings, an MMD with the kernel −‖·‖ (Székely & Rizzo 2013), and its derivative:
 *
 *     E = 2/(nm)·Σ‖z_i − z'_j‖ − 1/n²·Σ‖z_i − z_k‖ − 1/m²·Σ‖z'_j − z'_k‖ ≥ 0
 *
 * It compares the marginals alone: which sample belongs to which is nothing to it. Where two embeddings are the same the
 * derivative of their distance is taken as 0.
 *
 * @param source, target z and z', n × width and m × width
 * @param weight of the derivative
 * @param into weight·∂E, at least (n + m) × width: the source's rows, then the target's; overwritten
 * @returns E
 */
export function energyDistance(source: Float32Array, target: Float32Array, width: number, weight: number, into: Float32Array): number {
  const n = source.length / width;
  const m = target.length / width;
  const rows = new Float64Array(source.length + target.length);
  rows.set(source);
  rows.set(target, source.length);
  const sums = new Float64Array(rows.length);
  let energy = 0;
  for (let p = 0; p < n + m; p++)
    for (let q = p + 1; q < n + m; q++) {
      // Within a side each pair stands twice in the sum.
      const share = p < n && q >= n ? 2 / (n * m) : p < n ? -2 / (n * n) : -2 / (m * m);
      let square = 0;
      for (let d = 0; d < width; d++) square += (rows[p * width + d]! - rows[q * width + d]!) ** 2;
      if (square === 0) continue;
      const distance = Math.sqrt(square);
      energy += share * distance;
      for (let d = 0; d < width; d++) {
        const pull = (share * (rows[p * width + d]! - rows[q * width + d]!)) / distance;
        sums[p * width + d]! += pull;
        sums[q * width + d]! -= pull;
      }
    }
  for (let k = 0; k < sums.length; k++) into[k] = weight * sums[k]!;
  return energy;
}
