// The unbalanced problem to its optimum, whole solves, batched (after small_common.wgsl and anderson.wgsl;
// docs/method.md §3).
//
// A sweep, made translation invariant (Séjourné, Vialard & Peyré 2022: x += t, y −= t with
// t = (log A − log B)/(ε/τ₁ + ε/τ₂), A = Σ a'_i 2^(−ε x_i/τ₁), B likewise), accelerated by Anderson mixing (type II,
// memory 5, Walker & Ni 2011) of y, from coarse to fine ε (÷ 4) down to reg.
//
//   states.epsilon  in: the level to start at, at which y stands; out: reg, unless the chunk ended before
//   dispatch        (problems, 1, 1)
//
// A problem that needs more than `chunk` sweeps goes on in the next dispatch, at its level, with an empty memory.

var<workgroup> images: array<f32, SLOTS * SIDE>;
var<workgroup> residuals: array<f32, SLOTS * SIDE>;
// Masses of lines at the present potentials, log2, then scaled by their largest.
var<workgroup> row_mass: array<f32, SIDE>;
var<workgroup> column_mass: array<f32, SIDE>;

// t, the same number in every thread. Barriers: every thread must call it.
fn translation(p: Problem, k1: f32, k2: f32, thread: u32) -> f32 {
  var top_a = NONE;
  var top_b = NONE;
  for (var i = 0u; i < p.n; i += 4u) { top_a = max(top_a, max4(vec4f(row_mass[i], row_mass[i + 1u], row_mass[i + 2u], row_mass[i + 3u]))); }
  for (var j = 0u; j < p.m; j += 4u) { top_b = max(top_b, max4(vec4f(column_mass[j], column_mass[j + 1u], column_mass[j + 2u], column_mass[j + 3u]))); }
  workgroupBarrier();
  // One exponential a thread and line; the sums that every thread repeats are additions only.
  if (thread < p.n) { row_mass[thread] = exp2(row_mass[thread] - top_a); }
  if (thread < p.m) { column_mass[thread] = exp2(column_mass[thread] - top_b); }
  workgroupBarrier();
  // Lines beyond the edge hold NONE.
  var sum_a = vec4f(0.0);
  var sum_b = vec4f(0.0);
  for (var i = 0u; i < p.n; i += 4u) { sum_a += max(vec4f(row_mass[i], row_mass[i + 1u], row_mass[i + 2u], row_mass[i + 3u]), vec4f(0.0)); }
  for (var j = 0u; j < p.m; j += 4u) { sum_b += max(vec4f(column_mass[j], column_mass[j + 1u], column_mass[j + 2u], column_mass[j + 3u]), vec4f(0.0)); }
  return clamp((top_a - top_b + log2(sum4(sum_a) / sum4(sum_b))) / (k1 + k2), -1e6, 1e6);
}

// Four residuals; 0 for lines that take no part and beyond the edge.
fn residuals_at(start: u32) -> vec4f {
  return vec4f(residuals[start], residuals[start + 1u], residuals[start + 2u], residuals[start + 3u]);
}

fn sum_residuals(p: Problem, now: u32) -> f32 {
  var total = vec4f(0.0);
  for (var j = 0u; j < p.m; j += 4u) { total += residuals_at(now + j); }
  return sum4(total);
}

@compute @workgroup_size(64)
fn main(@builtin(local_invocation_index) thread: u32, @builtin(workgroup_id) group: vec3u) {
  let p = problems[group.x];
  if (thread == 0u) { resume = states[group.x]; }
  let state = workgroupUniformLoad(&resume);
  if (state.done != 0u) { return; }
  let row = p.line_start + thread;
  let column = p.line_start + 4u * p.n + thread;
  let row_bias = select(NONE, lines[row], thread < p.n);
  let row_target = select(0.0, lines[row + p.n], thread < p.n);
  let row_weight = select(NONE, lines[row + 3u * p.n], thread < p.n);
  let column_bias = select(NONE, lines[column], thread < p.m);
  let column_target = select(0.0, lines[column + p.m], thread < p.m);
  let column_weight = select(NONE, lines[column + 3u * p.m], thread < p.m);
  // A line without weight, or that the prior leaves empty, keeps potential 0 and takes no part.
  let on_row = row_bias > HARDLY_ANY;
  let on_column = column_bias > HARDLY_ANY;
  clear_lines(thread);
  row_mass[thread] = NONE;
  column_mass[thread] = NONE;
  if (thread < p.n) { x[thread] = potentials[p.potential_start + thread]; }
  if (thread < p.m) { y[thread] = potentials[p.potential_start + p.n + thread]; }
  if (thread < 2u) { atomicStore(&extremes[thread], 0u); }

  let careful = settings.careful != 0u;
  // Columns that take part.
  var living = 0.0;
  for (var j = 0u; j < p.m; j++) {
    if (lines[p.line_start + 4u * p.n + j] > HARDLY_ANY) { living += 1.0; }
  }
  living = max(living, 1.0);
  var iterations = state.iterations;
  var spent = 0u;
  var sweep = 0u;
  // Sweeps whose pairs are no longer mixed, and the smallest residual of this level.
  var forgotten = 0u;
  var best = 1e30;
  var epsilon = state.epsilon;
  var error = 1e30;
  var converged = 0u;
  var entering = true;
  // Line sums of the sweep before; so large that they do not fit where there is none.
  var row_guess = -NONE;
  var column_guess = -NONE;
  loop {
    let last = epsilon <= p.reg * 1.01;
    let k1 = epsilon * p.inverse_tau1;
    let k2 = epsilon * p.inverse_tau2;
    if (entering) {
      entering = false;
      sweep = 0u;
      forgotten = 0u;
      best = 1e30;
      form_kernel(p, epsilon, thread);
    }
    if (on_column) { from_columns[thread] = y[thread] + column_bias; }
    workgroupBarrier();
    sweep++;
    iterations++;
    spent++;
    let now = slot_of(sweep, 0u) * SIDE;
    if (on_row) {
      row_guess = row_sum(p, thread, row_guess);
      x[thread] = (row_target - row_guess) / (1.0 + k1);
      from_rows[thread] = x[thread] + row_bias;
    }
    if (thread < p.n) { row_mass[thread] = row_weight - k1 * x[thread]; }
    workgroupBarrier();
    var image = 0.0;
    if (on_column) {
      column_guess = column_sum(p, thread, column_guess);
      image = (column_target - column_guess) / (1.0 + k2);
    }
    if (thread < p.m) { column_mass[thread] = column_weight - k2 * image; }
    workgroupBarrier();
    var shift = 0.0;
    if (k1 + k2 > 0.0) { shift = translation(p, k1, k2, thread); }
    if (on_row) { x[thread] += shift; }
    if (thread < p.m) {
      image = select(0.0, image - shift, on_column);
      images[now + thread] = image;
      residuals[now + thread] = image - y[thread];
    }
    workgroupBarrier();
    let mean = select(0.0, sum_residuals(p, now) / living, k1 + k2 < SOFT);
    workgroupBarrier();
    if (on_row) {
      if (k1 + k2 == 0.0) { x[thread] += mean; }
      keep_max(1u, x[thread]);
    }
    if (on_column) {
      residuals[now + thread] -= mean;
      // With two hard marginals the common part is free, and mixing would let it grow: keep it where it is.
      if (k1 + k2 == 0.0) {
        image -= mean;
        images[now + thread] = image;
      }
      keep_max(0u, max(abs(residuals[now + thread]), abs(mean) * (k1 + k2)));
      keep_max(1u, image);
    }
    workgroupBarrier();
    let depth = min(sweep - 1u - forgotten, MEMORY);
    // Thread (k, l) of the Gram matrix of differences r − r_k; l = MEMORY: with r itself.
    let k = thread / SLOTS;
    let l = thread % SLOTS;
    if (k < depth && (l < depth || l == MEMORY)) {
      let then_k = slot_of(sweep, k + 1u) * SIDE;
      let then_l = slot_of(sweep, l + 1u) * SIDE;
      // Weight 0 leaves r itself.
      let weight = select(0.0, 1.0, l < MEMORY);
      var product = 0.0;
      for (var j = 0u; j < p.m; j += 4u) {
        let residual = residuals_at(now + j);
        product += dot(residual - residuals_at(then_k + j), residual - weight * residuals_at(then_l + j));
      }
      gram[thread] = product;
    }
    workgroupBarrier();
    // y alone: x is a function of it, and y is a fixed point of the whole sweep.
    let moved = extreme(0u);
    error = moved;
    if (thread == 0u) {
      verdict = judge(last, careful, sweep, best, settings.threshold);
      solve_mix(depth);
    }
    let decision = workgroupUniformLoad(&verdict);
    if (thread < 2u) { atomicStore(&extremes[thread], 0u); }
    if (thread < p.m) {
      var next = image;
      if (decision.leave == 0u && decision.forget == 0u && iterations < settings.max_iterations) {
        for (var a = 0u; a < depth; a++) { next -= mix[a] * (image - images[slot_of(sweep, a + 1u) * SIDE + thread]); }
      }
      y[thread] = next;
    }
    best = min(best, moved);
    if (decision.forget != 0u) {
      forgotten = sweep - 1u;
      best = moved;
    }
    converged = decision.converged;
    if (converged != 0u) { break; }
    if (decision.leave != 0u) {
      let finer = finer_level(epsilon, p.reg, careful);
      if (thread < p.n) { x[thread] *= epsilon / finer; }
      if (thread < p.m) { y[thread] *= epsilon / finer; }
      epsilon = finer;
      entering = true;
    }
    if (iterations >= settings.max_iterations || spent >= settings.chunk) { break; }
  }
  if (thread < p.n) { potentials[p.potential_start + thread] = x[thread]; }
  if (thread < p.m) { potentials[p.potential_start + p.n + thread] = y[thread]; }
  if (thread == 0u) {
    // 2: gave up at max_iterations.
    let ended = select(select(0u, 2u, iterations >= settings.max_iterations), 1u, converged != 0u);
    states[group.x] = State(iterations, ended, error, epsilon);
  }
}
