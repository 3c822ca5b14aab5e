// POT's unbalanced Sinkhorn with POT's stop rule, whole solves, batched (after small_common.wgsl; docs/method.md §3).
//
// The stop rule sees log u = x + shift: with g = max(log u, log u_previous, 0) over the vector,
// err = max|2^(log u − g) − 2^(log u_previous − g)|, and the solve ends when (err_u + err_v)/2 < threshold.
// Near the end potentials of size 100 move by 1e-6, less than float32 resolves there, and by 2 % less each sweep. So the
// stop rule does not subtract them. Once the moves Δ are small they are carried along by themselves, from one half-step
// to the next, with float32's precision relative to Δ:
//
//   Δx_i = −ρ₁·(L_i − L_i of the sweep before) = ρ₁·log2 Σ_j p_ij 2^(−Δy_j),   p_ij the shares of line i's sum
//
// At most `chunk` iterations a dispatch: a long dispatch is killed by the GPU's watchdog. The next dispatch goes on.
//
//   potentials, a problem: x n | y m | Δy m
//   dispatch  (problems, 1, 1)

const LN_2 = 0.6931471805599453;
// Moves up to this (log2 units) are carried along.
const STEADY = 0.1;

// 2^(−Δ) − 1 of each line.
var<workgroup> row_drift: array<f32, SIDE>;
var<workgroup> column_drift: array<f32, SIDE>;
// max log u, max log v, err_u, err_v, max |Δx|, max |Δy|: none is negative, and such floats order as their bits do.
var<workgroup> extremes: array<atomic<u32>, 6>;
var<workgroup> finished: u32;

fn keep_max(slot: u32, value: f32) { atomicMax(&extremes[slot], bitcast<u32>(max(value, 0.0))); }
fn extreme(slot: u32) -> f32 { return bitcast<f32>(atomicLoad(&extremes[slot])); }

// |2^next − 2^(next − moved)| / 2^top.
fn change(next: f32, moved: f32, top: f32) -> f32 {
  let size = abs(moved);
  let share = select(1.0 - exp2(-size), -expm1(-size * LN_2), size < STEADY);
  return exp2(max(next, next - moved) - top) * share;
}

// e^z − 1 and log(1 + r) to float32's relative precision for small arguments.
fn expm1(z: f32) -> f32 { return z * (1.0 + z / 2.0 * (1.0 + z / 3.0 * (1.0 + z / 4.0 * (1.0 + z / 5.0 * (1.0 + z / 6.0))))); }
fn log1p(r: f32) -> f32 {
  let s = r / (2.0 + r);
  let t = s * s;
  return 2.0 * s * (1.0 + t * (1.0 / 3.0 + t * (0.2 + t / 7.0)));
}

// A line's log-sum-exp L (log2), and ln(Σ_k p_k 2^(−moved_k)), p the terms' shares: −(L − L of the sweep before)·ln 2.
fn row_line(p: Problem, i: u32, guess: f32) -> vec2f {
  var total = vec4f(0.0);
  var drift = vec4f(0.0);
  for (var j = 0u; j < p.m; j += 4u) {
    let terms = exp2(min(row_terms(p, i, j) - guess, vec4f(100.0)));
    total += terms;
    drift += terms * vec4f(column_drift[j], column_drift[j + 1u], column_drift[j + 2u], column_drift[j + 3u]);
  }
  if (fits(sum4(total))) { return vec2f(guess + log2(sum4(total)), relative_drift(sum4(total), sum4(drift))); }
  var top = NONE;
  for (var j = 0u; j < p.m; j += 4u) { top = max(top, max4(row_terms(p, i, j))); }
  if (top < HARDLY_ANY) { return vec2f(NONE, 0.0); }
  total = vec4f(0.0);
  drift = vec4f(0.0);
  for (var j = 0u; j < p.m; j += 4u) {
    let terms = exp2(row_terms(p, i, j) - top);
    total += terms;
    drift += terms * vec4f(column_drift[j], column_drift[j + 1u], column_drift[j + 2u], column_drift[j + 3u]);
  }
  return vec2f(top + log2(sum4(total)), relative_drift(sum4(total), sum4(drift)));
}

fn column_line(p: Problem, j: u32, guess: f32) -> vec2f {
  var total = vec4f(0.0);
  var drift = vec4f(0.0);
  for (var i = 0u; i < p.n; i += 4u) {
    let terms = exp2(min(column_terms(p, i, j) - guess, vec4f(100.0)));
    total += terms;
    drift += terms * vec4f(row_drift[i], row_drift[i + 1u], row_drift[i + 2u], row_drift[i + 3u]);
  }
  if (fits(sum4(total))) { return vec2f(guess + log2(sum4(total)), relative_drift(sum4(total), sum4(drift))); }
  var top = NONE;
  for (var i = 0u; i < p.n; i += 4u) { top = max(top, max4(column_terms(p, i, j))); }
  if (top < HARDLY_ANY) { return vec2f(NONE, 0.0); }
  total = vec4f(0.0);
  drift = vec4f(0.0);
  for (var i = 0u; i < p.n; i += 4u) {
    let terms = exp2(column_terms(p, i, j) - top);
    total += terms;
    drift += terms * vec4f(row_drift[i], row_drift[i + 1u], row_drift[i + 2u], row_drift[i + 3u]);
  }
  return vec2f(top + log2(sum4(total)), relative_drift(sum4(total), sum4(drift)));
}

fn relative_drift(total: f32, drift: f32) -> f32 { return log1p(clamp(drift / total, -0.5, 0.5)); }

fn drift_of(moved: f32) -> f32 { return expm1(-clamp(moved, -STEADY, STEADY) * LN_2); }

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
  var moved_y = 0.0;
  let row = p.line_start + thread;
  let column = p.line_start + 4u * p.n + thread;
  let row_bias = select(0.0, lines[row], on_row);
  let row_target = select(0.0, lines[row + p.n], on_row);
  let row_shift = select(0.0, lines[row + 2u * p.n], on_row);
  let column_bias = select(0.0, lines[column], on_column);
  let column_target = select(0.0, lines[column + p.m], on_column);
  let column_shift = select(0.0, lines[column + 2u * p.m], on_column);
  clear_lines(thread);
  if (on_row) { x[thread] = potentials[p.potential_start + thread]; }
  if (on_column) {
    y[thread] = potentials[p.potential_start + p.n + thread];
    from_columns[thread] = y[thread] + column_bias;
    let moved = potentials[p.potential_start + p.n + p.m + thread];
    column_drift[thread] = drift_of(moved);
    moved_y = moved;
  }
  form_kernel(p, p.reg, thread);
  if (thread < 6u) { atomicStore(&extremes[thread], 0u); }
  workgroupBarrier();
  if (on_column) { keep_max(5u, abs(moved_y)); }
  workgroupBarrier();

  var iterations = state.iterations;
  var error = state.error;
  var done = 0u;
  // Line sums of the sweep before; so large that they do not fit where there is none.
  var row_guess = -NONE;
  var column_guess = -NONE;
  for (var step = 0u; step < settings.chunk; step++) {
    iterations++;
    var moved_x = 0.0;
    var new_x = 0.0;
    var new_y = 0.0;
    if (on_row) {
      let line = row_line(p, thread, row_guess);
      row_guess = line.x;
      let next = next_potential(rho1, row_bias, row_target, row_shift, line.x);
      moved_x = next - x[thread];
      // Not before the second sweep: the first one's predecessor, 0, came from no line sum.
      if (iterations > 1u && min(min(line.x, next), row_bias) > HARDLY_ANY && extreme(5u) < STEADY && abs(moved_x) < STEADY) { moved_x = rho1 * line.y / LN_2; }
      x[thread] = next;
      new_x = next + row_shift;
      from_rows[thread] = next + row_bias;
      row_drift[thread] = drift_of(moved_x);
      keep_max(0u, max(new_x, new_x - moved_x));
      keep_max(4u, abs(moved_x));
    }
    workgroupBarrier();
    if (thread == 0u) { atomicStore(&extremes[5], 0u); }
    if (on_row) { keep_max(2u, change(new_x, moved_x, extreme(0u))); }
    workgroupBarrier();
    if (on_column) {
      let line = column_line(p, thread, column_guess);
      column_guess = line.x;
      let next = next_potential(rho2, column_bias, column_target, column_shift, line.x);
      moved_y = next - y[thread];
      if (iterations > 1u && min(min(line.x, next), column_bias) > HARDLY_ANY && extreme(4u) < STEADY && abs(moved_y) < STEADY) { moved_y = rho2 * line.y / LN_2; }
      y[thread] = next;
      new_y = next + column_shift;
      from_columns[thread] = next + column_bias;
      column_drift[thread] = drift_of(moved_y);
      keep_max(1u, max(new_y, new_y - moved_y));
      keep_max(5u, abs(moved_y));
    }
    workgroupBarrier();
    if (on_column) { keep_max(3u, change(new_y, moved_y, extreme(1u))); }
    workgroupBarrier();
    error = 0.5 * (extreme(2u) + extreme(3u));
    if (thread == 0u) { finished = select(0u, 1u, error < settings.threshold || iterations >= settings.max_iterations); }
    done = workgroupUniformLoad(&finished);
    if (thread < 5u) { atomicStore(&extremes[thread], 0u); }
    if (done != 0u) { break; }
    workgroupBarrier();
  }
  if (on_row) { potentials[p.potential_start + thread] = x[thread]; }
  if (on_column) {
    potentials[p.potential_start + p.n + thread] = y[thread];
    potentials[p.potential_start + p.n + p.m + thread] = moved_y;
  }
  if (thread == 0u) { states[group.x] = State(iterations, done, error, p.reg); }
}
