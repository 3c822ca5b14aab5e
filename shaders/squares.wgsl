// Sums of squares of gradients, a span each: the first half of their norm (gradient_norm.wgsl is the other).
//
//   partial_s = (Σ_k g_k² over span s,  1 where such a g_k is NaN, ±∞ or beyond the limit, else 0)
//
//   gradient  of a pack of parameters, end to end
//   spans     (start in its pack, end, parameter, group) of every pack's spans; this pack's from `first` on
//   dispatch  (⌈spans of this pack/64⌉, 1, 1): one thread a span and no barrier, which on a software adapter is four
//             times as fast as a workgroup each

struct Pack { first: u32, count: u32, pad0: u32, pad1: u32 }

@group(0) @binding(0) var<storage, read> gradient: array<f32>;
@group(0) @binding(1) var<storage, read> spans: array<vec4u>;
@group(0) @binding(2) var<storage, read_write> partials: array<vec2f>;
@group(0) @binding(3) var<uniform> pack: Pack;

// WGSL may assume that NaN and infinities do not exist, but not of bits: magnitudes order as their bits do, and what is
// not finite has larger bits than any number. These are those of 1e15.
const LIMIT = 0x58635fa9u;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) {
  if (id.x >= pack.count) { return; }
  let span = spans[pack.first + id.x];
  var sum = vec2f(0.0);
  for (var k = span.x; k < span.y; k++) {
    let value = gradient[k];
    if ((bitcast<u32>(value) & 0x7fffffffu) > LIMIT) { sum.y = 1.0; } else { sum.x += value * value; }
  }
  partials[pack.first + id.x] = sum;
}
