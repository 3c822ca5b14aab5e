// Sums of squares of a gradient, in pieces: the first half of its norm (gradient_norm.wgsl is the other).
//
//   partial_p = (Σ_k g_k² over k = p, p + pieces, …,  1 where such a g_k is NaN, ±∞ or beyond the limit, else 0)
//
//   gradient  `count` entries
//   partials  of all gradients, this one's from `offset` on
//   dispatch  (⌈pieces/64⌉, 1, 1)

struct Shape { count: u32, pieces: u32, offset: u32, pad: u32 }

@group(0) @binding(0) var<storage, read> gradient: array<f32>;
@group(0) @binding(1) var<storage, read_write> partials: array<vec2f>;
@group(0) @binding(2) var<uniform> shape: Shape;

// WGSL may assume that NaN and infinities do not exist, but not of bits: magnitudes order as their bits do, and what is
// not finite has larger bits than any number. These are those of 1e15.
const LIMIT = 0x58635fa9u;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) {
  if (id.x >= shape.pieces) { return; }
  var sum = 0.0;
  var strange = 0.0;
  for (var k = id.x; k < shape.count; k += shape.pieces) {
    let value = gradient[k];
    if ((bitcast<u32>(value) & 0x7fffffffu) > LIMIT) { strange = 1.0; }
    sum += value * value;
  }
  partials[shape.offset + id.x] = vec2f(sum, strange);
}
