// Whether a training step may believe its float32 plan. Where it may not, one gradient is made so large that the
// optimiser does not take the step (adamw.wgsl), and the host solves the problem in float64.
//
//   1 uncertified      |log(π1)_i − (log a_i − f_i/τ₁)| > tolerance for a row, or likewise for a column: at the optimum
//                      it is 0, for a hard marginal it is the marginal's error
//   2 stalled          a fast solve did not settle
//   3 potential-range  max |log u| is too large for float32
//   4 cost-range       max |M|/reg is
//   5 non-finite       something is no number, or the normalisation's σ is 0
//
//   row_sums, column_sums  (t, Σ p, …) with (π1)_i = 2^t·Σ p (plan.wgsl)
//   lines, potentials, numbers  as in step_problem.wgsl     state  (iterations, done, error, …)
//   status    the largest reason, 0 for none; 0 before     gradient  entry 0 is overwritten where there is one
//   dispatch  (1, 1, 1)

struct Settings { n: u32, m: u32, fast: u32, pad0: u32, row_tolerance: f32, column_tolerance: f32, most_cost: f32, most_potential: f32 }

@group(0) @binding(0) var<storage, read> row_sums: array<vec4f>;
@group(0) @binding(1) var<storage, read> column_sums: array<vec4f>;
@group(0) @binding(2) var<storage, read> lines: array<f32>;
@group(0) @binding(3) var<storage, read> potentials: array<f32>;
@group(0) @binding(4) var<storage, read> state: array<u32>;
@group(0) @binding(5) var<storage, read> numbers: array<f32>;
@group(0) @binding(6) var<storage, read_write> status: atomic<u32>;
@group(0) @binding(7) var<storage, read_write> gradient: array<atomic<u32>>;
@group(0) @binding(8) var<uniform> settings: Settings;

const THREADS = 64u;
const HARDLY_ANY = -5e29;
const TOO_LARGE = 2.9e38;
const LN_2 = 0.6931471805599453;
// What no optimiser takes.
const STRANGE = 1e30;
// All exponent bits are set in infinities and NaN, and only there. WGSL may assume that neither exists, but not of bits.
const EXPONENT = 0x7f800000u;

fn is_strange(value: f32) -> bool { return (bitcast<u32>(value) & EXPONENT) == EXPONENT; }

// Of a line: its potential x, shift and mass as the solver has them, log2 of its sum, and reg/τ.
fn reason_of(bias: f32, shift: f32, mass: f32, x: f32, sum: vec4f, k: f32, tolerance: f32) -> u32 {
  if (is_strange(x) || is_strange(sum.x) || is_strange(sum.y)) { return 5u; }
  if (bias < HARDLY_ANY || x < HARDLY_ANY) { return 0u; }
  var reason = 0u;
  if (abs(x + shift) * LN_2 > settings.most_potential) { reason = 3u; }
  if (settings.fast != 0u && mass > HARDLY_ANY) {
    let off = abs(sum.x + log2(max(sum.y, 1e-30)) - (mass - k * x)) * LN_2;
    if (!(off <= tolerance)) { reason = max(reason, 1u); }
  }
  return reason;
}

@compute @workgroup_size(THREADS)
fn main(@builtin(local_invocation_index) thread: u32) {
  let n = settings.n;
  let m = settings.m;
  var reason = 0u;
  let reg = numbers[0];
  for (var i = thread; i < n; i += THREADS) {
    reason = max(reason, reason_of(lines[i], lines[2u * n + i], lines[3u * n + i], potentials[i], row_sums[i], reg * numbers[1], settings.row_tolerance));
  }
  for (var j = thread; j < m; j += THREADS) {
    let at = 4u * n + j;
    reason = max(reason, reason_of(lines[at], lines[at + 2u * m], lines[at + 3u * m], potentials[n + j], column_sums[j], reg * numbers[2], settings.column_tolerance));
  }
  if (thread == 0u) {
    let largest = numbers[18];
    if (largest > settings.most_cost * reg) { reason = max(reason, 4u); }
    if (settings.fast != 0u && state[1] != 1u) { reason = max(reason, 2u); }
    if (!(largest < TOO_LARGE) || numbers[19] > 0.0 || is_strange(bitcast<f32>(state[2]))) { reason = 5u; }
  }
  if (reason != 0u) {
    atomicMax(&status, reason);
    atomicStore(&gradient[0], bitcast<u32>(STRANGE));
  }
}
