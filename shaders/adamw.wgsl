// One step of AdamW (Loshchilov & Hutter 2019; the arithmetic is torch's), in place.
//
//   g ← clip·g,   m ← m + (1 − β₁)(g − m),   v ← β₂·v + (1 − β₂)·g²
//   w ← (1 − lr·decay)·w − lr/(1 − β₁ᵗ) · m/(√v/√(1 − β₂ᵗ) + ε)
//
//   gradient, weights, m, v  `count` entries each
//   norms     of gradient_norm.wgsl: the clip factor, and whether to do nothing
//   dispatch  enough workgroups of 64 to cover `count`, folded into two dimensions

struct Factors { keep: f32, first: f32, beta2: f32, second: f32, step_size: f32, root_correction: f32, epsilon: f32, pad: f32 }
struct Shape { count: u32, stride: u32, pad0: u32, pad1: u32 }
struct Norms { clip: f32, total: f32, halted: u32, culprit: u32 }

@group(0) @binding(0) var<storage, read> gradient: array<f32>;
@group(0) @binding(1) var<storage, read_write> weights: array<f32>;
@group(0) @binding(2) var<storage, read_write> m: array<f32>;
@group(0) @binding(3) var<storage, read_write> v: array<f32>;
@group(0) @binding(4) var<storage, read> norms: Norms;
@group(0) @binding(5) var<uniform> factors: Factors;
@group(0) @binding(6) var<uniform> shape: Shape;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) {
  let k = id.x + id.y * shape.stride;
  if (k >= shape.count || norms.halted != 0u) { return; }
  let g = norms.clip * gradient[k];
  let mean = m[k] + factors.first * (g - m[k]);
  let square = factors.beta2 * v[k] + factors.second * g * g;
  m[k] = mean;
  v[k] = square;
  weights[k] = factors.keep * weights[k] - factors.step_size * (mean / (sqrt(square) / factors.root_correction + factors.epsilon));
}
