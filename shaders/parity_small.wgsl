// POT's unbalanced Sinkhorn with POT's stop rule, whole solves, batched (after small_common.wgsl; docs/method.md §3).
//
// The stop rule sees log u = x + shift: with g = max(log u, log u_previous, 0) over the vector,
// err = max|2^(log u − g) − 2^(log u_previous − g)|, and the solve ends when (err_u + err_v)/2 < threshold.
// At most `chunk` iterations a dispatch: a long dispatch is killed by the GPU's watchdog. The next dispatch goes on.
//
//   dispatch  (problems, 1, 1)

// max log u, max log v, err_u, err_v: none is negative, and such floats order as their bits do.
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

// ρ(target − sum); 0 in the unshifted potential for an empty line, as POT's entry that is never updated; −∞ where the
// literal scheme divides a weight of 0.
fn next_potential(rho: f32, bias: f32, goal: f32, shift: f32, sum: f32) -> f32 {
  if (sum < HARDLY_ANY || bias < HARDLY_ANY) { return -shift; }
  if (goal < HARDLY_ANY) { return NONE; }
  return rho * (goal - sum);
}

@compute @workgroup_size(64)
fn main(@builtin(local_invocation_index) thread: u32, @builtin(workgroup_id) group: vec3u) {
  let p = problems[group.x];
  if (thread == 0u) { resume = states[group.x]; }
  let state = workgroupUniformLoad(&resume);
  if (state.done != 0u) { return; }
  let rho1 = 1.0 / (1.0 + p.reg * p.inverse_tau1);
  let rho2 = 1.0 / (1.0 + p.reg * p.inverse_tau2);
  let on_row = thread < p.n;
  let on_column = thread < p.m;
  let row = p.line_start + thread;
  let column = p.line_start + 4u * p.n + thread;
  let row_bias = select(0.0, lines[row], on_row);
  let row_target = select(0.0, lines[row + p.n], on_row);
  let row_shift = select(0.0, lines[row + 2u * p.n], on_row);
  let column_bias = select(0.0, lines[column], on_column);
  let column_target = select(0.0, lines[column + p.m], on_column);
  let column_shift = select(0.0, lines[column + 2u * p.m], on_column);
  if (on_row) { x[thread] = potentials[p.potential_start + thread]; }
  if (on_column) {
    y[thread] = potentials[p.potential_start + p.n + thread];
    from_columns[thread] = y[thread] + column_bias;
  }
  form_kernel(p, p.reg, thread);
  if (thread < 4u) { atomicStore(&extremes[thread], 0u); }
  workgroupBarrier();

  var iterations = state.iterations;
  var error = state.error;
  var done = 0u;
  for (var step = 0u; step < settings.chunk; step++) {
    iterations++;
    var old_x = 0.0;
    var new_x = 0.0;
    var old_y = 0.0;
    var new_y = 0.0;
    if (on_row) {
      old_x = x[thread] + row_shift;
      x[thread] = next_potential(rho1, row_bias, row_target, row_shift, row_sum(p, thread));
      new_x = x[thread] + row_shift;
      from_rows[thread] = x[thread] + row_bias;
      keep_max(0u, max(old_x, new_x));
    }
    workgroupBarrier();
    if (on_row) { keep_max(2u, change(new_x, old_x, extreme(0u))); }
    if (on_column) {
      old_y = y[thread] + column_shift;
      y[thread] = next_potential(rho2, column_bias, column_target, column_shift, column_sum(p, thread));
      new_y = y[thread] + column_shift;
      from_columns[thread] = y[thread] + column_bias;
      keep_max(1u, max(old_y, new_y));
    }
    workgroupBarrier();
    if (on_column) { keep_max(3u, change(new_y, old_y, extreme(1u))); }
    workgroupBarrier();
    error = 0.5 * (extreme(2u) + extreme(3u));
    if (thread == 0u) { finished = select(0u, 1u, error < settings.threshold || iterations >= settings.max_iterations); }
    done = workgroupUniformLoad(&finished);
    if (thread < 4u) { atomicStore(&extremes[thread], 0u); }
    if (done != 0u) { break; }
    workgroupBarrier();
  }
  if (on_row) { potentials[p.potential_start + thread] = x[thread]; }
  if (on_column) { potentials[p.potential_start + p.n + thread] = y[thread]; }
  if (thread == 0u) { states[group.x] = State(iterations, done, error, p.reg); }
}
