// The derivative of w·⟨π,‖z_i − z'_j‖²⟩ with respect to both sides' embeddings, π held (docs/method.md, training):
//
//   dz_i = 2w Σ_j π_ij (z_i − z'_j),   dz'_j = 2w Σ_i π_ij (z'_j − z_i)
//
//   z         rows × width, row-major: n of the source, m of the target, and what else is there
//   plan      n × m
//   factor    2w, at entry `place`: it may have been computed on the device
//   gradient  rows × width; rows from n + m on are left alone
//   dispatch  enough workgroups of 64 to cover (n + m)·width, folded into two dimensions

struct Shape { n: u32, m: u32, width: u32, stride: u32, place: u32, pad0: u32, pad1: u32, pad2: u32 }

@group(0) @binding(0) var<storage, read> z: array<f32>;
@group(0) @binding(1) var<storage, read> plan: array<f32>;
@group(0) @binding(2) var<storage, read> factors: array<f32>;
@group(0) @binding(3) var<storage, read_write> gradient: array<f32>;
@group(0) @binding(4) var<uniform> shape: Shape;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) {
  let cell = id.x + id.y * shape.stride;
  let width = shape.width;
  if (cell >= (shape.n + shape.m) * width) { return; }
  let line = cell / width;
  let d = cell % width;
  let own = z[cell];
  let of_source = line < shape.n;
  // The other side's rows, and the plan's entries for this line: a row of it, or a column.
  let count = select(shape.n, shape.m, of_source);
  let first = select(0u, shape.n, of_source) * width + d;
  let start = select(line - shape.n, line * shape.m, of_source);
  let step = select(shape.m, 1u, of_source);
  var sum = 0.0;
  for (var k = 0u; k < count; k++) { sum += plan[start + k * step] * (own - z[first + k * width]); }
  gradient[cell] = factors[shape.place] * sum;
}
