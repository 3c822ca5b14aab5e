// M = F + w·E of a training step, its transpose, and what normalisations need of it.
//
//   sums_j = (mean of column j of M, Σ_i (M_ij − that mean)², mean of column j of E, its largest M_ij)
//
//   distances E, fixed F, costs M  n × m, row-major     flipped  m × n
//   dispatch  (⌈m/64⌉, 1, 1), a thread a column

struct Settings { n: u32, m: u32, weight: f32, pad0: u32 }

@group(0) @binding(0) var<storage, read> distances: array<f32>;
@group(0) @binding(1) var<storage, read> fixed_part: array<f32>;
@group(0) @binding(2) var<storage, read_write> costs: array<f32>;
@group(0) @binding(3) var<storage, read_write> flipped: array<f32>;
@group(0) @binding(4) var<storage, read_write> sums: array<vec4f>;
@group(0) @binding(5) var<uniform> settings: Settings;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) {
  let j = id.x;
  if (j >= settings.m) { return; }
  var total = 0.0;
  var apart = 0.0;
  var largest = -3e38;
  for (var i = 0u; i < settings.n; i++) {
    let cell = i * settings.m + j;
    let distance = distances[cell];
    let value = fixed_part[cell] + settings.weight * distance;
    costs[cell] = value;
    flipped[j * settings.n + i] = value;
    total += value;
    apart += distance;
    largest = max(largest, value);
  }
  let mean = total / f32(settings.n);
  var squares = 0.0;
  for (var i = 0u; i < settings.n; i++) {
    let off = costs[i * settings.m + j] - mean;
    squares += off * off;
  }
  sums[j] = vec4f(mean, squares, apart / f32(settings.n), largest);
}
