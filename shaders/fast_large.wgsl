// What follows a sweep of a large fast solve (after large_common.wgsl and anderson.wgsl; docs/method.md §3): translation, Anderson
// mixing of y, the stop rule, the step to a finer ε. fast_small.wgsl does the same within one workgroup's memory.
//
// One workgroup; its threads stride over the lines, each always over the same ones, so that only sums cross between threads.
// Vectors of n + m numbers against n·m entries a half-step: this is the small part of a sweep.
//
//   x, y      in: as the half-steps left them; out: translated, y mixed
//   moved     y − the y that the sweep began with (half_update.wgsl)
//   row_side, column_side  bias | target | shift | mass     outgoing  (y + bias, 0), read by the next row half-step
//   history   translated images y of the last SLOTS sweeps, then their residuals: 2·SLOTS × m
//   dispatch  (1, 1, 1)

struct Settings { n: u32, m: u32, max_iterations: u32, careful: u32, reg: f32, inverse_tau1: f32, inverse_tau2: f32, threshold: f32 }

@group(0) @binding(0) var<storage, read_write> x: array<f32>;
@group(0) @binding(1) var<storage, read_write> y: array<f32>;
@group(0) @binding(2) var<storage, read> moved: array<f32>;
@group(0) @binding(3) var<storage, read> row_side: array<f32>;
@group(0) @binding(4) var<storage, read> column_side: array<f32>;
@group(0) @binding(5) var<storage, read_write> outgoing: array<vec2f>;
@group(0) @binding(6) var<storage, read_write> state: State;
@group(0) @binding(7) var<storage, read_write> history: array<f32>;
@group(0) @binding(8) var<uniform> settings: Settings;

const THREADS = 64u;
// Lower triangle of the Gram matrix, and its right-hand side.
const PRODUCTS = MEMORY * (MEMORY + 1u) / 2u + MEMORY;

var<workgroup> resume: State;
// What each thread summed, a row of it for each sum: no row is used twice, so that none has to be waited for.
var<workgroup> tops: array<vec2f, THREADS>;
var<workgroup> masses: array<vec2f, THREADS>;
var<workgroup> common_parts: array<vec2f, THREADS>;
var<workgroup> products: array<f32, PRODUCTS * THREADS>;

// t = (log A − log B)/(ε/τ₁ + ε/τ₂), the same number in every thread. Barriers: every thread must call it.
fn translation(k1: f32, k2: f32, thread: u32) -> f32 {
  let n = settings.n;
  let m = settings.m;
  var top = vec2f(NONE);
  for (var i = thread; i < n; i += THREADS) { top.x = max(top.x, row_side[3u * n + i] - k1 * x[i]); }
  for (var j = thread; j < m; j += THREADS) { top.y = max(top.y, column_side[3u * m + j] - k2 * y[j]); }
  tops[thread] = top;
  workgroupBarrier();
  for (var t = 0u; t < THREADS; t++) { top = max(top, tops[t]); }
  var mass = vec2f(0.0);
  for (var i = thread; i < n; i += THREADS) { mass.x += exp2(row_side[3u * n + i] - k1 * x[i] - top.x); }
  for (var j = thread; j < m; j += THREADS) { mass.y += exp2(column_side[3u * m + j] - k2 * y[j] - top.y); }
  masses[thread] = mass;
  workgroupBarrier();
  mass = vec2f(0.0);
  for (var t = 0u; t < THREADS; t++) { mass += masses[t]; }
  return clamp((top.x - top.y + log2(mass.x / mass.y)) / (k1 + k2), -1e6, 1e6);
}

@compute @workgroup_size(THREADS)
fn main(@builtin(local_invocation_index) thread: u32) {
  if (thread == 0u) { resume = state; }
  let before = workgroupUniformLoad(&resume);
  if (before.done != 0u) { return; }
  let n = settings.n;
  let m = settings.m;
  let careful = settings.careful != 0u;
  let epsilon = before.epsilon;
  let last = epsilon <= settings.reg * 1.01;
  let k1 = epsilon * settings.inverse_tau1;
  let k2 = epsilon * settings.inverse_tau2;
  let sweep = before.sweep + 1u;
  let iterations = before.iterations + 1u;
  let depth = min(sweep - 1u - before.forgotten, MEMORY);
  let images = slot_of(sweep, 0u) * m;
  let residuals = SLOTS * m + images;

  var shift = 0.0;
  if (k1 + k2 > 0.0) { shift = translation(k1, k2, thread); }
  // Sum of residuals, and number, of the lines that take part.
  var residual_sum = vec2f(0.0);
  for (var j = thread; j < m; j += THREADS) {
    if (column_side[j] > HARDLY_ANY) { residual_sum += vec2f(moved[j] - shift, 1.0); }
  }
  common_parts[thread] = residual_sum;
  workgroupBarrier();
  residual_sum = vec2f(0.0);
  for (var t = 0u; t < THREADS; t++) { residual_sum += common_parts[t]; }
  let mean = select(0.0, residual_sum.x / max(residual_sum.y, 1.0), k1 + k2 < SOFT);
  // With two hard marginals the common part is free, and mixing would let it grow: keep it where it is.
  let lift = select(shift, mean, k1 + k2 == 0.0);

  for (var i = thread; i < n; i += THREADS) {
    if (row_side[i] > HARDLY_ANY) {
      x[i] += lift;
      keep_max(1u, x[i]);
    }
  }
  var sums: array<f32, PRODUCTS>;
  keep_max(0u, abs(mean) * (k1 + k2));
  for (var j = thread; j < m; j += THREADS) {
    let on = column_side[j] > HARDLY_ANY;
    let image = select(0.0, y[j] - lift, on);
    let residual = select(0.0, moved[j] - shift - mean, on);
    history[images + j] = image;
    history[residuals + j] = residual;
    keep_max(0u, residual);
    keep_max(1u, image);
    // Slots that hold nothing yet give products that nobody reads.
    var differences: array<f32, MEMORY>;
    var p = 0u;
    for (var k = 0u; k < MEMORY; k++) {
      differences[k] = residual - history[(SLOTS + slot_of(sweep + SLOTS, k + 1u)) * m + j];
      for (var l = 0u; l <= k; l++) {
        sums[p] += differences[k] * differences[l];
        p++;
      }
      sums[p] += differences[k] * residual;
      p++;
    }
  }
  for (var p = 0u; p < PRODUCTS; p++) { products[p * THREADS + thread] = sums[p]; }
  workgroupBarrier();
  if (thread < PRODUCTS) {
    var total = 0.0;
    for (var t = 0u; t < THREADS; t++) { total += products[thread * THREADS + t]; }
    // Row k starts at k(k + 3)/2: k + 1 products and the right-hand side.
    var k = 0u;
    while ((k + 1u) * (k + 4u) / 2u <= thread) { k++; }
    let l = thread - k * (k + 3u) / 2u;
    if (l > k) {
      gram[k * SLOTS + MEMORY] = total;
    } else {
      gram[k * SLOTS + l] = total;
      gram[l * SLOTS + k] = total;
    }
  }
  workgroupBarrier();
  if (thread == 0u) {
    verdict = judge(last, careful, sweep, before.best, settings.threshold);
    solve_mix(depth);
  }
  let decision = workgroupUniformLoad(&verdict);

  let stop = decision.converged != 0u || iterations >= settings.max_iterations;
  let mixed = decision.leave == 0u && decision.forget == 0u && !stop;
  let descends = decision.leave != 0u && !stop;
  let level = select(epsilon, finer_level(epsilon, settings.reg, careful), descends);
  for (var j = thread; j < m; j += THREADS) {
    let image = history[images + j];
    var next = image;
    if (mixed) {
      for (var k = 0u; k < depth; k++) { next -= mix[k] * (image - history[slot_of(sweep, k + 1u) * m + j]); }
    }
    next *= epsilon / level;
    y[j] = next;
    outgoing[j] = vec2f(max(next + column_side[j], NONE), 0.0);
  }
  if (thread == 0u) {
    let error = extreme(0u);
    let done = select(select(0u, 2u, stop), 1u, decision.converged != 0u);
    let best = select(min(before.best, error), error, decision.forget != 0u);
    let forgotten = select(before.forgotten, sweep - 1u, decision.forget != 0u);
    if (descends) {
      state = State(iterations, done, error, 0u, level, 0u, 0u, 1e30);
    } else {
      state = State(iterations, done, error, 0u, level, sweep, forgotten, best);
    }
  }
}
