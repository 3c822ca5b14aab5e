// Costs centred at offsets of their rows and columns, and the transpose: M'_ij = M_ij − row_i − column_j.
//
//   costs, centred  n × m, row-major     flipped  m × n
//   dispatch        (⌈m/8⌉, ⌈n/8⌉, 1)

struct Shape { n: u32, m: u32, pad0: u32, pad1: u32 }

@group(0) @binding(0) var<storage, read> costs: array<f32>;
@group(0) @binding(1) var<storage, read> rows: array<f32>;
@group(0) @binding(2) var<storage, read> columns: array<f32>;
@group(0) @binding(3) var<storage, read_write> centred: array<f32>;
@group(0) @binding(4) var<storage, read_write> flipped: array<f32>;
@group(0) @binding(5) var<uniform> shape: Shape;

@compute @workgroup_size(8, 8)
fn main(@builtin(global_invocation_id) id: vec3u) {
  let i = id.y;
  let j = id.x;
  if (i >= shape.n || j >= shape.m) { return; }
  let value = costs[i * shape.m + j] - rows[i] - columns[j];
  centred[i * shape.m + j] = value;
  flipped[j * shape.n + i] = value;
}
