// From a line's log-sum-exp L = t + log2 s to its potential (after large_common.wgsl; docs/method.md §3):
//
//   x_i ← ρ·(target_i − L_i),   ρ = τ/(τ + ε)
//
// Parity: an empty line reports log u = x + shift = 0, a weight of 0 drives x to −∞. Fast: lines taken out stay at 0.
//
// Small moves Δ are carried along rather than subtracted, as parity_small.wgsl explains: Δx_i = ρ·log2(1 + d_i/s_i).
//
//   side      bias | target | shift | mass, each `lines` long
//   potential x, in place     moved  Δx, its change     outgoing  (x + bias, 2^(−Δx) − 1), read by the other half
//
// The kernel that includes this declares state, side, potential, moved, outgoing and settings.

struct Settings { lines: u32, length: u32, parity: u32, inverse_tau: f32 }

const STEADY = 0.1;

// e^z − 1 and log(1 + r) to float32's relative precision for small arguments.
fn expm1(z: f32) -> f32 { return z * (1.0 + z / 2.0 * (1.0 + z / 3.0 * (1.0 + z / 4.0 * (1.0 + z / 5.0 * (1.0 + z / 6.0))))); }
fn log1p(r: f32) -> f32 {
  let s = r / (2.0 + r);
  let t = s * s;
  return 2.0 * s * (1.0 + t * (1.0 / 3.0 + t * (0.2 + t / 7.0)));
}

fn update(line: u32, top: f32, total: f32, drift: f32) {
  let rho = 1.0 / (1.0 + state.epsilon * settings.inverse_tau);
  let bias = side[line];
  let goal = side[settings.lines + line];
  var next = rho * (goal - top - log2(max(total, 1.0)));
  if (top < HARDLY_ANY || bias < HARDLY_ANY) {
    next = select(0.0, -side[2u * settings.lines + line], settings.parity != 0u);
  } else if (goal < HARDLY_ANY) {
    next = NONE;
  }
  var change = next - potential[line];
  if (state.steady != 0u && min(min(top, next), bias) > HARDLY_ANY && abs(change) < STEADY) {
    change = rho * log1p(clamp(drift / total, -0.5, 0.5)) / LN_2;
  }
  potential[line] = next;
  moved[line] = change;
  outgoing[line] = vec2f(max(next + bias, NONE), expm1(-clamp(change, -STEADY, STEADY) * LN_2));
}
