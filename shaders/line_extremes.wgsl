// For each line of a matrix less offsets, its smallest entry and its largest magnitude: what a solve centres costs at.
//
//   least_i = min_k (M_ki − offset_k),   most_i = max_k |M_ki − offset_k|, TOO_LARGE where an M_ki is NaN or ±∞
//
//   values    length × lines: the transpose for rows, the matrix itself for columns
//   dispatch  (⌈lines/64⌉, 1, 1)

struct Shape { lines: u32, length: u32, pad0: u32, pad1: u32 }

@group(0) @binding(0) var<storage, read> values: array<f32>;
@group(0) @binding(1) var<storage, read> offsets: array<f32>;
@group(0) @binding(2) var<storage, read_write> least: array<f32>;
@group(0) @binding(3) var<storage, read_write> most: array<f32>;
@group(0) @binding(4) var<uniform> shape: Shape;

const TOO_LARGE = 3e38;
// All exponent bits are set in infinities and NaN, and only there. WGSL may assume that neither exists, but not of bits.
const EXPONENT = 0x7f800000u;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) {
  let line = id.x;
  if (line >= shape.lines) { return; }
  var low = TOO_LARGE;
  var high = 0.0;
  var strange = false;
  for (var k = 0u; k < shape.length; k++) {
    let value = values[k * shape.lines + line];
    strange = strange || (bitcast<u32>(value) & EXPONENT) == EXPONENT;
    low = min(low, value - offsets[k]);
    high = max(high, abs(value - offsets[k]));
  }
  least[line] = low;
  most[line] = select(high, TOO_LARGE, strange);
}
