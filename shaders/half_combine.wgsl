// Half a Sinkhorn step for large problems, second part: from pieces of log-sum-exps to potentials (docs/method.md §3).
//
//   L_i = log2 Σ_c s_ci 2^t_ci,   x_i ← ρ·(target_i − L_i)
//
// Parity: an empty line reports log u = x + shift = 0, a weight of 0 drives x to −∞. Fast: lines taken out stay at 0.
//
//   partials   pieces × lines (half_partial.wgsl)     side  bias | target | shift | mass, each `lines` long
//   potential  x, in place     previous  what x was   outgoing  x + bias, read by the other half
//   dispatch   (⌈lines/64⌉, 1, 1)

struct Settings { lines: u32, pieces: u32, parity: u32, pad: u32, rho: f32, pad0: f32, pad1: f32, pad2: f32 }

@group(0) @binding(0) var<storage, read> partials: array<vec2f>;
@group(0) @binding(1) var<storage, read> side: array<f32>;
@group(0) @binding(2) var<storage, read> state: array<u32>;
@group(0) @binding(3) var<storage, read_write> potential: array<f32>;
@group(0) @binding(4) var<storage, read_write> previous: array<f32>;
@group(0) @binding(5) var<storage, read_write> outgoing: array<f32>;
@group(0) @binding(6) var<uniform> settings: Settings;

const NONE = -1e30;
const HARDLY_ANY = -5e29;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) {
  let line = id.x;
  if (line >= settings.lines || state[1] != 0u) { return; }
  var top = NONE;
  for (var c = 0u; c < settings.pieces; c++) { top = max(top, partials[c * settings.lines + line].x); }
  var total = 0.0;
  for (var c = 0u; c < settings.pieces; c++) {
    let part = partials[c * settings.lines + line];
    total += part.y * exp2(part.x - top);
  }
  let bias = side[line];
  let goal = side[settings.lines + line];
  var next = settings.rho * (goal - top - log2(max(total, 1.0)));
  if (top < HARDLY_ANY || bias < HARDLY_ANY) {
    next = select(0.0, -side[2u * settings.lines + line], settings.parity != 0u);
  } else if (goal < HARDLY_ANY) {
    next = NONE;
  }
  previous[line] = potential[line];
  potential[line] = next;
  outgoing[line] = max(next + bias, NONE);
}
