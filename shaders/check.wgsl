// POT's stop rule on the GPU (after large_common.wgsl; docs/method.md §3): sets the flag on which later dispatches of a large
// parity solve return.
//
// For z = log2 u = x + shift, moved by Δ: g = max(z, z − Δ, 0) over the vector, err = max|2^(z − g) − 2^(z − Δ − g)|;
// done when (err_u + err_v)/2 < threshold, or at max_iterations. Steady: every Δ is small, and is carried along from now on.
//
//   row_side, column_side  bias | target | shift | mass
//   dispatch  (1, 1, 1)

struct Settings { n: u32, m: u32, max_iterations: u32, threshold: f32 }

@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read> moved_x: array<f32>;
@group(0) @binding(2) var<storage, read> y: array<f32>;
@group(0) @binding(3) var<storage, read> moved_y: array<f32>;
@group(0) @binding(4) var<storage, read> row_side: array<f32>;
@group(0) @binding(5) var<storage, read> column_side: array<f32>;
@group(0) @binding(6) var<storage, read_write> state: State;
@group(0) @binding(7) var<uniform> settings: Settings;

// max z of rows and columns, err of rows and columns, max |Δ|: not negative, so they order as their bits do.
var<workgroup> extremes: array<atomic<u32>, 5>;
var<workgroup> finished: u32;

const STEADY = 0.05;

fn keep_max(slot: u32, value: f32) { atomicMax(&extremes[slot], bitcast<u32>(max(value, 0.0))); }
fn extreme(slot: u32) -> f32 { return bitcast<f32>(atomicLoad(&extremes[slot])); }

// |2^next − 2^(next − moved)| / 2^top, without cancellation between close potentials.
fn change(next: f32, moved: f32, top: f32) -> f32 {
  let size = abs(moved);
  let nats = size * LN_2;
  let share = select(1.0 - exp2(-size), nats * (1.0 - nats / 2.0 * (1.0 - nats / 3.0 * (1.0 - nats / 4.0))), nats < 0.05);
  return exp2(max(next, next - moved) - top) * share;
}

@compute @workgroup_size(64)
fn main(@builtin(local_invocation_index) thread: u32) {
  if (thread == 0u) { finished = state.done; }
  if (workgroupUniformLoad(&finished) != 0u) { return; }
  var top_x = 0.0;
  var top_y = 0.0;
  for (var i = thread; i < settings.n; i += 64u) { top_x = max(top_x, max(x[i], x[i] - moved_x[i]) + row_side[2u * settings.n + i]); }
  for (var j = thread; j < settings.m; j += 64u) { top_y = max(top_y, max(y[j], y[j] - moved_y[j]) + column_side[2u * settings.m + j]); }
  keep_max(0u, top_x);
  keep_max(1u, top_y);
  workgroupBarrier();
  var largest = 0.0;
  var error_x = 0.0;
  var error_y = 0.0;
  for (var i = thread; i < settings.n; i += 64u) {
    let shift = row_side[2u * settings.n + i];
    largest = max(largest, abs(moved_x[i]));
    error_x = max(error_x, change(x[i] + shift, moved_x[i], extreme(0u)));
  }
  for (var j = thread; j < settings.m; j += 64u) {
    let shift = column_side[2u * settings.m + j];
    largest = max(largest, abs(moved_y[j]));
    error_y = max(error_y, change(y[j] + shift, moved_y[j], extreme(1u)));
  }
  keep_max(2u, error_x);
  keep_max(3u, error_y);
  keep_max(4u, largest);
  workgroupBarrier();
  if (thread == 0u) {
    let error = 0.5 * (extreme(2u) + extreme(3u));
    state.iterations += 1u;
    state.done = select(0u, 1u, error < settings.threshold || state.iterations >= settings.max_iterations);
    state.error = error;
    state.steady = select(0u, 1u, extreme(4u) < STEADY);
  }
}
