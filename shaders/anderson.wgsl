// Anderson mixing (type II, memory 5, Walker & Ni 2011) and ε levels in float32: what fast_small.wgsl and fast_large.wgsl
// share (put in front of them). The small normal equations are solved here; sums over lines are formed where the lines are.

const MEMORY = 5u;
const SLOTS = MEMORY + 1u;
// Levels above reg are only passed through: until this residual (log2 units, 0.07 nats) or this many sweeps.
// A careful descent, for problems on which this was too bold, halves ε and stays longer.
const PASSING_RESIDUAL = 0.1;
const PASSING_SWEEPS = 8u;
const CAREFUL_RESIDUAL = 0.003;
const CAREFUL_SWEEPS = 40u;
// What rounding leaves of a residual, per unit of the largest potential.
const ROUNDING = 2.4e-7;
// Load of the Gram matrix, scaled to a unit diagonal: nearly parallel differences must not produce huge coefficients. (Without
// the scaling the oldest, largest difference drowns the others in float32, and hard problems stall.)
const LOAD = 1e-4;
// A residual that has grown this much says that the mixing leads nowhere: it starts anew from a plain sweep.
const ASTRAY = 30.0;
// Where ε/τ₁ + ε/τ₂ is below this, float32 knows t only to 2e-7/(ε/τ₁ + ε/τ₂). The plan does not feel that, as t goes to
// x and from y, but the mixing would fit the noise: there it works on residuals without their common part.
const SOFT = 0.05;

// ⟨r − r_k, r − r_l⟩ over the last sweeps; column MEMORY, ⟨r − r_k, r⟩, is the right-hand side.
var<workgroup> gram: array<f32, MEMORY * SLOTS>;
var<workgroup> mix: array<f32, MEMORY>;
// Largest |Δy|, and largest |x| or |y|: not negative, so they order as their bits do.
var<workgroup> extremes: array<atomic<u32>, 2>;
struct Verdict { leave: u32, converged: u32, forget: u32 }
var<workgroup> verdict: Verdict;

fn keep_max(slot: u32, value: f32) { atomicMax(&extremes[slot], bitcast<u32>(abs(value))); }
fn extreme(slot: u32) -> f32 { return bitcast<f32>(atomicLoad(&extremes[slot])); }

// Slot of the sweep `age` before the present one.
fn slot_of(sweep: u32, age: u32) -> u32 { return (sweep - 1u - age) % SLOTS; }

// The level after ε.
fn finer_level(epsilon: f32, reg: f32, careful: bool) -> f32 {
  let finer = epsilon * select(0.25, 0.5, careful);
  return select(finer, reg, finer < reg * 1.01);
}

// What to do after the sweep whose extremes are known.  best: the smallest residual of this level before it
fn judge(last: bool, careful: bool, sweep: u32, best: f32, threshold: f32) -> Verdict {
  let moved = extreme(0u);
  let settled = last && sweep > 1u && moved <= max(threshold, ROUNDING * extreme(1u));
  let passed = !last && (moved < select(PASSING_RESIDUAL, CAREFUL_RESIDUAL, careful) || sweep >= select(PASSING_SWEEPS, CAREFUL_SWEEPS, careful));
  return Verdict(select(0u, 1u, settled || passed), select(0u, 1u, settled), select(0u, 1u, moved > ASTRAY * best));
}

// Least squares for ‖r − Σ γ_k (r − r_k)‖ from the loaded normal equations, by one thread: depth ≤ 5.
fn solve_mix(depth: u32) {
  var scale: array<f32, MEMORY>;
  for (var k = 0u; k < depth; k++) { scale[k] = inverseSqrt(gram[k * SLOTS + k] + 1e-30); }
  for (var k = 0u; k < depth; k++) {
    for (var l = 0u; l < depth; l++) { gram[k * SLOTS + l] *= scale[k] * scale[l]; }
    gram[k * SLOTS + k] += LOAD;
    gram[k * SLOTS + MEMORY] *= scale[k];
  }
  for (var k = 0u; k < depth; k++) {
    for (var i = k + 1u; i < depth; i++) {
      let factor = gram[i * SLOTS + k] / gram[k * SLOTS + k];
      for (var c = k; c < depth; c++) { gram[i * SLOTS + c] -= factor * gram[k * SLOTS + c]; }
      gram[i * SLOTS + MEMORY] -= factor * gram[k * SLOTS + MEMORY];
    }
  }
  for (var left = depth; left > 0u; left--) {
    let k = left - 1u;
    var value = gram[k * SLOTS + MEMORY];
    for (var c = k + 1u; c < depth; c++) { value -= gram[k * SLOTS + c] * mix[c]; }
    mix[k] = value / gram[k * SLOTS + k];
  }
  for (var k = 0u; k < depth; k++) { mix[k] *= scale[k]; }
}
