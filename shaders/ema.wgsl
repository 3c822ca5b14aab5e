// Moving average of weights, in place: average ← decay·average + (1 − decay)·weights.
//
//   average, weights  `count` entries each
//   norms     of gradient_norm.wgsl: whether to do nothing
//   dispatch  enough workgroups of 64 to cover `count`, folded into two dimensions

struct Shape { count: u32, stride: u32, pad0: u32, pad1: u32 }
struct Shares { decay: f32, rest: f32, pad0: f32, pad1: f32 }
struct Norms { clip: f32, total: f32, halted: u32, culprit: u32 }

@group(0) @binding(0) var<storage, read> weights: array<f32>;
@group(0) @binding(1) var<storage, read_write> average: array<f32>;
@group(0) @binding(2) var<storage, read> norms: Norms;
@group(0) @binding(3) var<uniform> shares: Shares;
@group(0) @binding(4) var<uniform> shape: Shape;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) {
  let k = id.x + id.y * shape.stride;
  if (k >= shape.count || norms.halted != 0u) { return; }
  average[k] = shares.decay * average[k] + shares.rest * weights[k];
}
