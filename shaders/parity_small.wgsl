// POT's unbalanced Sinkhorn with POT's stop rule, whole solves, batched (after small_common.wgsl; docs/method.md §3).
//
// The stop rule sees log u = x + shift: with g = max(log u, log u_previous, 0) over the vector,
// err = max|2^(log u − g) − 2^(log u_previous − g)|, and the solve ends when (err_u + err_v)/2 < threshold.
// Near the end potentials of size 100 move by 1e-6, less than float32 resolves there, and by 2 % less each sweep. So the
// stop rule does not subtract them. Once the moves Δ are small they are carried along by themselves, from one half-step
// to the next, with float32's precision relative to Δ:
//
//   Δx_i = −ρ₁·(L_i − L_i of the sweep before) = ρ₁·log2(1 + d_i/s_i),   s_i = Σ_j p_ij v_j,   d_i = Σ_j p_ij (v_j of before − v_j)
//
// An exact sweep sums exponentials, with p_ij = 2^(S_ij + bias_j + y_j − base_i) and v_j = 1, and keeps p, the kernel with
// the potentials absorbed. Where moves are small the next sweeps are two matrix–vector products with it, v_j following y_j.
// (s_i − d_i in place of a new s_i would save one of them, and add up the errors that the moves began with: plans came out
// 3e-4 off.) Moves never grow (the half-steps are contractions in max|Δ|); p is formed anew every `ABSORB` sweeps all the same.
//
// At most `chunk` iterations a dispatch: a long dispatch is killed by the GPU's watchdog. The next dispatch goes on.
//
//   potentials, a problem: x n | y m | Δy m
//   dispatch  (problems, 1, 1)

const LN_2 = 0.6931471805599453;
// Moves up to this (log2 units) are carried along.
const STEADY = 0.1;
const ABSORB = 32u;

// Of both sides, rows first. Potential + bias; 2^(−Δ) − 1; v; v of before − v.
var<workgroup> outgoing: array<f32, 2u * SIDE>;
var<workgroup> drifts: array<f32, 2u * SIDE>;
var<workgroup> factors: array<f32, 2u * SIDE>;
var<workgroup> lags: array<f32, 2u * SIDE>;
// p of this thread's row and column.
var<private> shares: array<f32, 2u * SIDE>;
// max log u, max log v, err_u, err_v, max |Δx|, max |Δy|: none is negative, and such floats order as their bits do. Sweeps take
// turns with two sets, so that one is cleared while the other is in use: barriers are what costs on a software adapter.
const EXTREMES = 6u;
var<workgroup> extremes: array<atomic<u32>, 2u * EXTREMES>;
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

// One of the two sides as a thread sees it: its line there, and the lines that this one sums over.
struct Line {
  // Whether there is such a line; whether its sum counts (neither empty nor without weight).
  on: bool,
  live: bool,
  rho: f32,
  bias: f32,
  goal: f32,
  shift: f32,
  // First cell of the line in the kernel, and the way to the next.
  cell: u32,
  step: u32,
  count: u32,
  // Potential, its last move, and where it stood when the other side's sums were absorbed.
  x: f32,
  moved: f32,
  reference: f32,
  // The line's log-sum-exp is base + log2 total.
  base: f32,
  total: f32,
}

// Which side's entries a half-step of `side` sums over.
fn other_of(side: u32) -> u32 { return (1u - side) * SIDE; }

// Sum exponentials: base, total and shares of a line, and Σ_k p_k (2^(−Δ_k) − 1), returned. The base of the sweep before is good
// unless the sum over- or underflows; else it becomes the largest exponent.
fn absorb(line: ptr<function, Line>, side: u32) -> f32 {
  let other = other_of(side);
  var base = (*line).base + log2((*line).total);
  var total = vec4f(0.0);
  var drift = vec4f(0.0);
  for (var attempt = 0u; attempt < 2u; attempt++) {
    total = vec4f(0.0);
    drift = vec4f(0.0);
    var top = NONE;
    for (var k = 0u; k < (*line).count; k += 4u) {
      let cell = (*line).cell + k * (*line).step;
      let step = (*line).step;
      let at = other + k;
      let exponents = vec4f(kernel[cell], kernel[cell + step], kernel[cell + 2u * step], kernel[cell + 3u * step]) + vec4f(outgoing[at], outgoing[at + 1u], outgoing[at + 2u], outgoing[at + 3u]);
      let terms = exp2(min(exponents - base, vec4f(100.0)));
      let kept = side * SIDE + k;
      shares[kept] = terms.x;
      shares[kept + 1u] = terms.y;
      shares[kept + 2u] = terms.z;
      shares[kept + 3u] = terms.w;
      total += terms;
      drift += terms * vec4f(drifts[at], drifts[at + 1u], drifts[at + 2u], drifts[at + 3u]);
      top = max(top, max4(exponents));
    }
    if (fits(sum4(total))) { break; }
    base = top;
    if (top < HARDLY_ANY) { break; }
  }
  (*line).base = base;
  (*line).total = sum4(total);
  return sum4(drift);
}

// Sum anew with the absorbed kernel: the line's total, and Σ_k p_k (v_k of before − v_k), returned.
fn multiply(line: ptr<function, Line>, side: u32) -> f32 {
  var total = vec4f(0.0);
  var lag = vec4f(0.0);
  for (var k = 0u; k < (*line).count; k += 4u) {
    let kept = side * SIDE + k;
    let at = other_of(side) + k;
    let p = vec4f(shares[kept], shares[kept + 1u], shares[kept + 2u], shares[kept + 3u]);
    total += p * vec4f(factors[at], factors[at + 1u], factors[at + 2u], factors[at + 3u]);
    lag += p * vec4f(lags[at], lags[at + 1u], lags[at + 2u], lags[at + 3u]);
  }
  (*line).total = sum4(total);
  return sum4(lag);
}

// Δ from a lag and the sum after it.
fn carried(line: ptr<function, Line>, lag: f32) -> f32 { return (*line).rho * log1p(clamp(lag / (*line).total, -0.5, 0.5)) / LN_2; }

// ρ(goal − L), once base and total are known.
fn potential_of(line: ptr<function, Line>) -> f32 { return (*line).rho * ((*line).goal - (*line).base - log2((*line).total)); }

fn exact_step(line: ptr<function, Line>, side: u32, carry: bool) {
  let drift = absorb(line, side);
  let empty = (*line).base < HARDLY_ANY || (*line).bias < HARDLY_ANY;
  (*line).live = !empty && (*line).goal > HARDLY_ANY;
  var next = NONE;
  // 0 in the unshifted potential for an empty line, as POT's entry that is never updated; −∞ where the literal scheme
  // divides a weight of 0.
  if (empty) { next = -(*line).shift; }
  if ((*line).live) { next = potential_of(line); }
  (*line).moved = next - (*line).x;
  if (carry && (*line).live && abs((*line).moved) < STEADY) { (*line).moved = carried(line, drift); }
  // Columns come after rows: what their sums keep is relative to the rows' new potentials, the rows' to the columns' old ones.
  (*line).reference = select(next, (*line).x, side == 1u);
  (*line).x = next;
}

fn quick_step(line: ptr<function, Line>, side: u32) {
  if (!(*line).live) { (*line).moved = 0.0; return; }
  (*line).moved = carried(line, multiply(line, side));
  (*line).x = potential_of(line);
}

@compute @workgroup_size(64)
fn main(@builtin(local_invocation_index) thread: u32, @builtin(workgroup_id) group: vec3u) {
  let p = problems[group.x];
  if (thread == 0u) { resume = states[group.x]; }
  let state = workgroupUniformLoad(&resume);
  if (state.done != 0u) { return; }
  let stride = p.m | 1u;
  var sides: array<Line, 2>;
  for (var side = 0u; side < 2u; side++) {
    let own = select(p.n, p.m, side == 1u);
    let on = thread < own;
    // Threads without a line repeat the last one's and write nothing.
    let at = p.line_start + side * 4u * p.n + min(thread, own - 1u);
    let held = p.potential_start + side * p.n + min(thread, own - 1u);
    sides[side].on = on;
    sides[side].rho = 1.0 / (1.0 + p.reg * select(p.inverse_tau1, p.inverse_tau2, side == 1u));
    sides[side].bias = lines[at];
    sides[side].goal = lines[at + own];
    sides[side].shift = lines[at + 2u * own];
    sides[side].cell = thread * select(stride, 1u, side == 1u);
    sides[side].step = select(1u, stride, side == 1u);
    sides[side].count = select(p.m, p.n, side == 1u);
    sides[side].x = potentials[held];
    sides[side].moved = select(0.0, potentials[held + p.m], side == 1u);
    // So large a base that no sum fits: the first one finds its own.
    sides[side].base = -NONE;
    sides[side].total = 1.0;
    outgoing[side * SIDE + thread] = select(NONE, sides[side].x + sides[side].bias, on);
    drifts[side * SIDE + thread] = select(0.0, expm1(-clamp(sides[side].moved, -STEADY, STEADY) * LN_2), on);
  }
  form_kernel(p, p.reg, thread);
  workgroupBarrier();
  if (sides[1].on) { keep_max(EXTREMES * (state.iterations & 1u) + 5u, abs(sides[1].moved)); }
  workgroupBarrier();

  var iterations = state.iterations;
  var error = state.error;
  var done = 0u;
  // Sweeps since the last exact one; too many where there is none whose moves are all small.
  var age = ABSORB;
  for (var step = 0u; step < settings.chunk; step++) {
    let last = EXTREMES * (iterations & 1u);
    let now = EXTREMES - last;
    iterations++;
    age++;
    let quick = age < ABSORB && extreme(last + 5u) < STEADY;
    if (!quick) { age = 0u; }
    // Rows, then columns.
    for (var side = 0u; side < 2u; side++) {
      var line = sides[side];
      var log_u = 0.0;
      // Not before the second sweep: the first one's predecessor, 0, came from no line sum.
      let carry = iterations > 1u && extreme(select(last + 5u, now + 4u, side == 1u)) < STEADY;
      if (line.on) {
        if (quick) { quick_step(&line, side); } else { exact_step(&line, side, carry); }
        let drift = expm1(-clamp(line.moved, -STEADY, STEADY) * LN_2);
        let at = side * SIDE + thread;
        outgoing[at] = line.x + line.bias;
        drifts[at] = drift;
        let v = select(1.0, exp2(line.x - line.reference), line.live);
        factors[at] = v;
        lags[at] = select(0.0, v * drift, line.live);
        log_u = line.x + line.shift;
        keep_max(now + side, max(log_u, log_u - line.moved));
        keep_max(now + 4u + side, abs(line.moved));
        sides[side] = line;
      }
      if (!carry) { age = ABSORB; }
      workgroupBarrier();
      if (line.on) { keep_max(now + 2u + side, change(log_u, line.moved, extreme(now + side))); }
      if (side == 1u && thread < EXTREMES) { atomicStore(&extremes[last + thread], 0u); }
    }
    workgroupBarrier();
    error = 0.5 * (extreme(now + 2u) + extreme(now + 3u));
    if (thread == 0u) { finished = select(0u, 1u, error < settings.threshold || iterations >= settings.max_iterations); }
    done = workgroupUniformLoad(&finished);
    if (done != 0u) { break; }
  }
  for (var side = 0u; side < 2u; side++) {
    if (sides[side].on) { potentials[p.potential_start + side * p.n + thread] = sides[side].x; }
  }
  if (sides[1].on) { potentials[p.potential_start + p.n + p.m + thread] = sides[1].moved; }
  if (thread == 0u) { states[group.x] = State(iterations, done, error, p.reg); }
}
