// From a cost's line minima to what the solvers know of a problem (src/gpu/prepare.ts), without a trip to the host.
//
//   σ of the normalisation; reg·σ and τ·σ in place of dividing M;   shift_i = r_i/(reg·σ),   target and mass less r_i/(τ·σ)
//
//   row_least, row_most     min_j M_ij and max_j |M_ij|, TOO_LARGE where one is no number (line_extremes.wgsl)
//   column_least, column_most  the same of M_ij − r_i, by column
//   sums      by column (step_cost.wgsl)
//   base      bias | target | mass of the n rows, then of the m columns, of costs that are not centred
//   lines     bias | target | shift | mass of the rows, then of the columns, then potentials to start from, n + m
//   numbers   see src/gpu/step-problem.ts, which has their places
//   dispatch  (1, 1, 1): every thread reduces for itself, because a barrier costs more than n + m numbers

struct Settings { n: u32, m: u32, normalise: u32, parity: u32, reg: f32, inverse_tau1: f32, inverse_tau2: f32, factor: f32 }

@group(0) @binding(0) var<storage, read> row_least: array<f32>;
@group(0) @binding(1) var<storage, read> row_most: array<f32>;
@group(0) @binding(2) var<storage, read> column_least: array<f32>;
@group(0) @binding(3) var<storage, read> column_most: array<f32>;
@group(0) @binding(4) var<storage, read> sums: array<vec4f>;
@group(0) @binding(5) var<storage, read> base: array<f32>;
@group(0) @binding(6) var<storage, read_write> lines: array<f32>;
@group(0) @binding(7) var<storage, read_write> numbers: array<f32>;
@group(0) @binding(8) var<uniform> settings: Settings;

const THREADS = 64u;
const HARDLY_ANY = -5e29;
const LOG2_E = 1.4426950408889634;

// What centring moves of a target or mass; a line that takes no part has nothing to move.
fn moved(value: f32, bias: f32, by: f32) -> f32 { return select(value - by, value, min(value, bias) < HARDLY_ANY); }

@compute @workgroup_size(THREADS)
fn main(@builtin(local_invocation_index) thread: u32) {
  let n = settings.n;
  let m = settings.m;
  var mean = 0.0;
  var apart = 0.0;
  var top = -3e38;
  var span = 0.0;
  var largest = 0.0;
  for (var j = 0u; j < m; j++) {
    mean += sums[j].x / f32(m);
    apart += sums[j].z / f32(m);
    top = max(top, sums[j].w);
    // M − r ≥ 0, so a column's largest M' is its largest M − r less its minimum.
    span = max(span, column_most[j] - column_least[j]);
  }
  for (var i = 0u; i < n; i++) { largest = max(largest, row_most[i]); }
  var squares = 0.0;
  for (var j = 0u; j < m; j++) { squares += sums[j].y / f32(n) + (sums[j].x - mean) * (sums[j].x - mean); }
  var sigma = 1.0;
  if (settings.normalise == 1u) { sigma = top; }
  if (settings.normalise == 2u) { sigma = sqrt(max(squares, 0.0) / f32(m)); }
  // A flat cost has no such σ: the host says so, and until then nothing may be divided by 0.
  let flat = !(sigma > 0.0);
  sigma = select(sigma, 1.0, flat);
  let reg = settings.reg * sigma;
  let inverse1 = settings.inverse_tau1 / sigma;
  let inverse2 = settings.inverse_tau2 / sigma;
  for (var i = thread; i < n; i += THREADS) {
    let by = row_least[i] * LOG2_E;
    lines[i] = base[i];
    lines[n + i] = moved(base[n + i], base[i], by * inverse1);
    lines[2u * n + i] = by / reg;
    lines[3u * n + i] = moved(base[2u * n + i], base[i], by * inverse1);
    lines[4u * (n + m) + i] = select(0.0, -by / reg, settings.parity != 0u);
  }
  for (var j = thread; j < m; j += THREADS) {
    let by = column_least[j] * LOG2_E;
    let bias = base[3u * n + j];
    let start = 4u * n;
    lines[start + j] = bias;
    lines[start + m + j] = moved(base[3u * n + m + j], bias, by * inverse2);
    lines[start + 2u * m + j] = by / reg;
    lines[start + 3u * m + j] = moved(base[3u * n + 2u * m + j], bias, by * inverse2);
    lines[4u * (n + m) + n + j] = select(0.0, -by / reg, settings.parity != 0u);
  }
  if (thread != 0u) { return; }
  // The first level that ε ÷ 4 from the largest cost reaches.
  let level = select(max(reg, span / 4.0), reg, settings.parity != 0u);
  numbers[0] = reg;
  numbers[1] = inverse1;
  numbers[2] = inverse2;
  numbers[3] = 0.0;
  // States of the small and of the large kernels.
  for (var k = 4u; k < 16u; k++) { numbers[k] = 0.0; }
  numbers[7] = level;
  numbers[12] = level;
  numbers[15] = 1e30;
  numbers[16] = -LOG2_E / reg;
  numbers[17] = sigma;
  numbers[18] = largest;
  numbers[19] = select(0.0, 1.0, flat);
  numbers[20] = apart;
  numbers[21] = settings.factor / sigma;
}
