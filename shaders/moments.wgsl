// For each dimension of row vectors: how far they lie apart and how long they are, and whether all are numbers.
//
//   out_d = (Σ_i (x_id − x̄_d)², Σ_i x_id², 1 where an x_id is NaN or ±∞ and 0 elsewhere, 0)
//
//   values    rows × width, row-major
//   dispatch  (⌈width/64⌉, 1, 1)

struct Shape { rows: u32, width: u32, pad0: u32, pad1: u32 }

@group(0) @binding(0) var<storage, read> values: array<f32>;
@group(0) @binding(1) var<storage, read_write> moments: array<vec4f>;
@group(0) @binding(2) var<uniform> shape: Shape;

// All exponent bits are set in infinities and NaN, and only there. WGSL may assume that neither exists, but not of bits.
const EXPONENT = 0x7f800000u;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) {
  let d = id.x;
  if (d >= shape.width) { return; }
  // Relative to the first row, so that a common offset costs no digits.
  let origin = values[d];
  var drift = 0.0;
  var strange = 0.0;
  for (var i = 0u; i < shape.rows; i++) {
    let value = values[i * shape.width + d];
    if ((bitcast<u32>(value) & EXPONENT) == EXPONENT) { strange = 1.0; }
    drift += value - origin;
  }
  let mean = origin + drift / f32(shape.rows);
  var apart = 0.0;
  var length = 0.0;
  for (var i = 0u; i < shape.rows; i++) {
    let value = values[i * shape.width + d];
    apart += (value - mean) * (value - mean);
    length += value * value;
  }
  moments[d] = vec4f(apart, length, strange, 0.0);
}
