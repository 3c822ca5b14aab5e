// One term of M = Σ_k w_k·M_k, added in place: sum ← w·term + keep·sum, entry by entry.
//
//   term  any shape, `count` entries    sum  the same
//   keep  0 for the first term (whatever the buffer held is overwritten), 1 after it
//   dispatch  enough workgroups of 64 to cover `count`, folded into two dimensions

struct Settings { count: u32, stride: u32, weight: f32, keep: f32 }

@group(0) @binding(0) var<storage, read> term: array<f32>;
@group(0) @binding(1) var<storage, read_write> sum: array<f32>;
@group(0) @binding(2) var<uniform> settings: Settings;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) {
  let k = id.x + id.y * settings.stride;
  if (k >= settings.count) { return; }
  var value = settings.weight * term[k];
  // Not a product with `keep`: fresh memory may hold a NaN, and 0·NaN is not 0.
  if (settings.keep > 0.0) { value += sum[k]; }
  sum[k] = value;
}
