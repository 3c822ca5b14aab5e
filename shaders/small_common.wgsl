// Shared by the whole-solve kernels (put in front of them): one workgroup a problem, one thread a line, n, m ≤ 64.
//
// All logarithms are base 2. Costs are centred by the host, M' = M − r_i − c_j (exact in float64), which shifts weights
// and potentials and leaves the plan alone; float32 then carries small numbers. With S_ij = −M'_ij·log2(e)/ε + log2 w_ij
//
//     log π_ij = S_ij + bias_i + bias_j + x_i + y_j
//     x_i ← ρ₁·(target_i − LSE_j(S_ij + bias_j + y_j)),   y_j ← ρ₂·(target_j − LSE_i(S_ij + bias_i + x_i))
//
// where c_ij = 2^(bias_i + bias_j)·w_ij (docs/method.md §3).
//
//   lines, a problem: bias n | target n | shift n | mass n, then the same four for the m columns (see src/gpu/prepare.ts)
//   potentials, a problem: x n | y m | m more for the kernel's own use

struct Problem {
  n: u32, m: u32, cost_start: u32, prior_start: u32,
  line_start: u32, potential_start: u32, has_prior: u32, pad0: u32,
  reg: f32, inverse_tau1: f32, inverse_tau2: f32, first_level: f32,
}
// epsilon is the level at which the potentials stand: what they must be multiplied with to have units of cost.
struct State { iterations: u32, done: u32, error: f32, epsilon: f32 }
struct Settings { max_iterations: u32, chunk: u32, threshold: f32, careful: u32 }

@group(0) @binding(0) var<storage, read> problems: array<Problem>;
@group(0) @binding(1) var<storage, read> costs: array<f32>;
@group(0) @binding(2) var<storage, read> priors: array<f32>;
@group(0) @binding(3) var<storage, read> lines: array<f32>;
@group(0) @binding(4) var<storage, read_write> potentials: array<f32>;
@group(0) @binding(5) var<storage, read_write> states: array<State>;
@group(0) @binding(6) var<uniform> settings: Settings;

const SIDE = 64u;
// Stands for −∞, which WGSL may assume away.
const NONE = -1e30;
const HARDLY_ANY = -5e29;
const LOG2_E = 1.4426950408889634;

// S of the present level. The stride is odd, so that neither rows nor columns share a memory bank.
var<workgroup> kernel: array<f32, SIDE * (SIDE + 1u)>;
// Potentials, and potentials + bias: what the other side's sums read.
var<workgroup> x: array<f32, SIDE>;
var<workgroup> y: array<f32, SIDE>;
var<workgroup> from_rows: array<f32, SIDE>;
var<workgroup> from_columns: array<f32, SIDE>;
var<workgroup> resume: State;

fn form_kernel(p: Problem, epsilon: f32, thread: u32) {
  let stride = p.m | 1u;
  let scale = -LOG2_E / epsilon;
  for (var k = thread; k < p.n * p.m; k += SIDE) {
    var value = scale * costs[p.cost_start + k];
    if (p.has_prior != 0u) { value += priors[p.prior_start + k]; }
    kernel[(k / p.m) * stride + k % p.m] = value;
  }
}

// Exponents of four terms of a row's sum and of a column's. Lines beyond the edge bring NONE (clear_lines), whatever
// the kernel holds there. Four at a time: on the software adapter a loop's own steps cost as much as a term.
fn row_terms(p: Problem, i: u32, j: u32) -> vec4f {
  let cell = i * (p.m | 1u) + j;
  return vec4f(kernel[cell], kernel[cell + 1u], kernel[cell + 2u], kernel[cell + 3u]) + vec4f(from_columns[j], from_columns[j + 1u], from_columns[j + 2u], from_columns[j + 3u]);
}
fn column_terms(p: Problem, i: u32, j: u32) -> vec4f {
  let stride = p.m | 1u;
  let cell = i * stride + j;
  return vec4f(kernel[cell], kernel[cell + stride], kernel[cell + 2u * stride], kernel[cell + 3u * stride]) + vec4f(from_rows[i], from_rows[i + 1u], from_rows[i + 2u], from_rows[i + 3u]);
}
fn clear_lines(thread: u32) {
  from_rows[thread] = NONE;
  from_columns[thread] = NONE;
}

fn sum4(v: vec4f) -> f32 { return v.x + v.y + (v.z + v.w); }
fn max4(v: vec4f) -> f32 { return max(max(v.x, v.y), max(v.z, v.w)); }

// A sum scaled by a guess at its logarithm, that of the sweep before, is good unless it over- or underflowed.
fn fits(total: f32) -> bool { return total > 1e-6 && total < 1e30; }

// log2 Σ_j 2^(S_ij + from_columns_j); NONE for an empty line.
fn row_sum(p: Problem, i: u32, guess: f32) -> f32 {
  var quick = vec4f(0.0);
  for (var j = 0u; j < p.m; j += 4u) { quick += exp2(min(row_terms(p, i, j) - guess, vec4f(100.0))); }
  if (fits(sum4(quick))) { return guess + log2(sum4(quick)); }
  var top = NONE;
  for (var j = 0u; j < p.m; j += 4u) { top = max(top, max4(row_terms(p, i, j))); }
  var total = vec4f(0.0);
  for (var j = 0u; j < p.m; j += 4u) { total += exp2(row_terms(p, i, j) - top); }
  // The largest term is 1, so the guard is for empty lines only.
  return select(top + log2(max(sum4(total), 1.0)), NONE, top < HARDLY_ANY);
}

fn column_sum(p: Problem, j: u32, guess: f32) -> f32 {
  var quick = vec4f(0.0);
  for (var i = 0u; i < p.n; i += 4u) { quick += exp2(min(column_terms(p, i, j) - guess, vec4f(100.0))); }
  if (fits(sum4(quick))) { return guess + log2(sum4(quick)); }
  var top = NONE;
  for (var i = 0u; i < p.n; i += 4u) { top = max(top, max4(column_terms(p, i, j))); }
  var total = vec4f(0.0);
  for (var i = 0u; i < p.n; i += 4u) { total += exp2(column_terms(p, i, j) - top); }
  return select(top + log2(max(sum4(total), 1.0)), NONE, top < HARDLY_ANY);
}
