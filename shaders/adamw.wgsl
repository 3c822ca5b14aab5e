// One step of AdamW (Loshchilov & Hutter 2019; the arithmetic is torch's), in place.
//
//   g ← clip·g,   m ← m + (1 − β₁)(g − m),   v ← β₂·v + (1 − β₂)·g²
//   w ← (1 − lr·decay)·w − lr/(1 − β₁ᵗ) · m/(√v/√(1 − β₂ᵗ) + ε)
//
//   gradient, weights, m, v  of a pack of parameters, end to end
//   norms     of gradient_norm.wgsl: the clip factor, and whether to do nothing
//   spans     (start in its pack, end, parameter, group) of every pack's spans; this pack's from `first` on
//   factors   by group
//   dispatch  (spans of this pack, 1, 1)

struct Factors { keep: f32, first: f32, beta2: f32, second: f32, step_size: f32, root_correction: f32, epsilon: f32, pad: f32 }
struct Pack { first: u32, count: u32, pad0: u32, pad1: u32 }
struct Norms { clip: f32, total: f32, halted: u32, culprit: u32 }

@group(0) @binding(0) var<storage, read> gradient: array<f32>;
@group(0) @binding(1) var<storage, read_write> weights: array<f32>;
@group(0) @binding(2) var<storage, read_write> m: array<f32>;
@group(0) @binding(3) var<storage, read_write> v: array<f32>;
@group(0) @binding(4) var<storage, read> norms: Norms;
@group(0) @binding(5) var<storage, read> spans: array<vec4u>;
@group(0) @binding(6) var<uniform> factors: array<Factors, 8>;
@group(0) @binding(7) var<uniform> pack: Pack;

const THREADS = 64u;

@compute @workgroup_size(THREADS)
fn main(@builtin(local_invocation_index) thread: u32, @builtin(workgroup_id) workgroup: vec3u) {
  if (norms.halted != 0u) { return; }
  let span = spans[pack.first + workgroup.x];
  let f = factors[span.w];
  let clip = norms.clip;
  for (var k = span.x + thread; k < span.y; k += THREADS) {
    let g = clip * gradient[k];
    let before = m[k];
    let mean = before + f.first * (g - before);
    let square = f.beta2 * v[k] + f.second * g * g;
    m[k] = mean;
    v[k] = square;
    weights[k] = f.keep * weights[k] - f.step_size * (mean / (sqrt(square) / f.root_correction + f.epsilon));
  }
}
