// POT's stop rule on the GPU (docs/method.md §3): sets the flag on which later dispatches of a large parity solve return.
//
// For z = log2 u = x + shift: g = max(z, z_previous, 0) over the vector, err = max|2^(z − g) − 2^(z_previous − g)|;
// done when (err_u + err_v)/2 < threshold, or at max_iterations.
//
//   row_side, column_side  bias | target | shift | mass     state  iterations, done, error as bits
//   dispatch  (1, 1, 1)

struct Settings { n: u32, m: u32, max_iterations: u32, threshold: f32 }

@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read> old_x: array<f32>;
@group(0) @binding(2) var<storage, read> y: array<f32>;
@group(0) @binding(3) var<storage, read> old_y: array<f32>;
@group(0) @binding(4) var<storage, read> row_side: array<f32>;
@group(0) @binding(5) var<storage, read> column_side: array<f32>;
@group(0) @binding(6) var<storage, read_write> state: array<u32>;
@group(0) @binding(7) var<uniform> settings: Settings;

// max z of rows and columns, err of rows and columns: not negative, so they order as their bits do.
var<workgroup> extremes: array<atomic<u32>, 4>;
var<workgroup> finished: u32;

fn keep_max(slot: u32, value: f32) { atomicMax(&extremes[slot], bitcast<u32>(max(value, 0.0))); }
fn extreme(slot: u32) -> f32 { return bitcast<f32>(atomicLoad(&extremes[slot])); }

// |2^(next − top) − 2^(previous − top)| without cancellation between close potentials.
fn change(next: f32, previous: f32, top: f32) -> f32 {
  let moved = abs(next - previous);
  let nats = moved * 0.6931471805599453;
  let share = select(1.0 - exp2(-moved), nats * (1.0 - 0.5 * nats), nats < 0.004);
  return exp2(max(next, previous) - top) * share;
}

@compute @workgroup_size(64)
fn main(@builtin(local_invocation_index) thread: u32) {
  if (thread == 0u) { finished = state[1]; }
  if (workgroupUniformLoad(&finished) != 0u) { return; }
  var top_x = 0.0;
  var top_y = 0.0;
  for (var i = thread; i < settings.n; i += 64u) { top_x = max(top_x, max(x[i], old_x[i]) + row_side[2u * settings.n + i]); }
  for (var j = thread; j < settings.m; j += 64u) { top_y = max(top_y, max(y[j], old_y[j]) + column_side[2u * settings.m + j]); }
  keep_max(0u, top_x);
  keep_max(1u, top_y);
  workgroupBarrier();
  var error_x = 0.0;
  var error_y = 0.0;
  for (var i = thread; i < settings.n; i += 64u) {
    let shift = row_side[2u * settings.n + i];
    error_x = max(error_x, change(x[i] + shift, old_x[i] + shift, extreme(0u)));
  }
  for (var j = thread; j < settings.m; j += 64u) {
    let shift = column_side[2u * settings.m + j];
    error_y = max(error_y, change(y[j] + shift, old_y[j] + shift, extreme(1u)));
  }
  keep_max(2u, error_x);
  keep_max(3u, error_y);
  workgroupBarrier();
  if (thread == 0u) {
    let error = 0.5 * (extreme(2u) + extreme(3u));
    state[0] += 1u;
    state[1] = select(0u, 1u, error < settings.threshold || state[0] >= settings.max_iterations);
    state[2] = bitcast<u32>(error);
  }
}
