// Half a Sinkhorn step for large problems, second part: from pieces of log-sum-exps to potentials (docs/method.md §3).
//
//   L_i = log2 Σ_c s_ci 2^t_ci,   x_i ← ρ·(target_i − L_i)
//
// Parity: an empty line reports log u = x + shift = 0, a weight of 0 drives x to −∞. Fast: lines taken out stay at 0.
//
// Small moves Δ are carried along rather than subtracted, as parity_small.wgsl explains: Δx_i = ρ·log2(1 + d_i/s_i).
//
//   partials   pieces × lines (half_partial.wgsl)     side  bias | target | shift | mass, each `lines` long
//   potential  x, in place     moved  Δx, its change   outgoing  (x + bias, 2^(−Δx) − 1), read by the other half
//   dispatch   (⌈lines/64⌉, 1, 1)

struct Settings { lines: u32, pieces: u32, parity: u32, pad: u32, rho: f32, pad0: f32, pad1: f32, pad2: f32 }

@group(0) @binding(0) var<storage, read> partials: array<vec4f>;
@group(0) @binding(1) var<storage, read> side: array<f32>;
@group(0) @binding(2) var<storage, read> state: array<u32>;
@group(0) @binding(3) var<storage, read_write> potential: array<f32>;
@group(0) @binding(4) var<storage, read_write> moved: array<f32>;
@group(0) @binding(5) var<storage, read_write> outgoing: array<vec2f>;
@group(0) @binding(6) var<uniform> settings: Settings;

const NONE = -1e30;
const HARDLY_ANY = -5e29;
const LN_2 = 0.6931471805599453;
const STEADY = 0.1;

// e^z − 1 and log(1 + r) to float32's relative precision for small arguments.
fn expm1(z: f32) -> f32 { return z * (1.0 + z / 2.0 * (1.0 + z / 3.0 * (1.0 + z / 4.0 * (1.0 + z / 5.0 * (1.0 + z / 6.0))))); }
fn log1p(r: f32) -> f32 {
  let s = r / (2.0 + r);
  let t = s * s;
  return 2.0 * s * (1.0 + t * (1.0 / 3.0 + t * (0.2 + t / 7.0)));
}

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) {
  let line = id.x;
  if (line >= settings.lines || state[1] != 0u) { return; }
  var top = NONE;
  for (var c = 0u; c < settings.pieces; c++) { top = max(top, partials[c * settings.lines + line].x); }
  var total = 0.0;
  var drift = 0.0;
  for (var c = 0u; c < settings.pieces; c++) {
    let part = partials[c * settings.lines + line];
    let share = exp2(part.x - top);
    total += part.y * share;
    drift += part.z * share;
  }
  let bias = side[line];
  let goal = side[settings.lines + line];
  var next = settings.rho * (goal - top - log2(max(total, 1.0)));
  if (top < HARDLY_ANY || bias < HARDLY_ANY) {
    next = select(0.0, -side[2u * settings.lines + line], settings.parity != 0u);
  } else if (goal < HARDLY_ANY) {
    next = NONE;
  }
  var change = next - potential[line];
  if (state[3] != 0u && min(min(top, next), bias) > HARDLY_ANY && abs(change) < STEADY) {
    change = settings.rho * log1p(clamp(drift / total, -0.5, 0.5)) / LN_2;
  }
  potential[line] = next;
  moved[line] = change;
  outgoing[line] = vec2f(max(next + bias, NONE), expm1(-clamp(change, -STEADY, STEADY) * LN_2));
}
