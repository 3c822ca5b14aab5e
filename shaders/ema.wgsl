// Moving average of weights, in place: average ← decay·average + (1 − decay)·weights.
//
//   weights, average  of a pack of parameters, end to end
//   norms     of gradient_norm.wgsl: whether to do nothing
//   spans     (start in its pack, end, parameter, group) of every pack's spans; this pack's from `first` on
//   dispatch  (spans of this pack, 1, 1)

struct Pack { first: u32, count: u32, pad0: u32, pad1: u32 }
struct Shares { decay: f32, rest: f32, pad0: f32, pad1: f32 }
struct Norms { clip: f32, total: f32, halted: u32, culprit: u32 }

@group(0) @binding(0) var<storage, read> weights: array<f32>;
@group(0) @binding(1) var<storage, read_write> average: array<f32>;
@group(0) @binding(2) var<storage, read> norms: Norms;
@group(0) @binding(3) var<storage, read> spans: array<vec4u>;
@group(0) @binding(4) var<uniform> shares: Shares;
@group(0) @binding(5) var<uniform> pack: Pack;

const THREADS = 64u;

@compute @workgroup_size(THREADS)
fn main(@builtin(local_invocation_index) thread: u32, @builtin(workgroup_id) workgroup: vec3u) {
  if (norms.halted != 0u) { return; }
  let span = spans[pack.first + workgroup.x];
  for (var k = span.x + thread; k < span.y; k += THREADS) { average[k] = shares.decay * average[k] + shares.rest * weights[k]; }
}
