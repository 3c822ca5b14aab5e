// What each line brings to π beside the centred kernel, from potentials that the solvers left (log2): potential + bias,
// NONE for a line that takes no part or that the literal scheme drove to 0.
//
//   potentials  n + m     lines  bias | target | shift | mass of the rows, then of the columns
//   dispatch    (⌈(n + m)/64⌉, 1, 1)

struct Shape { n: u32, m: u32, pad0: u32, pad1: u32 }

@group(0) @binding(0) var<storage, read> potentials: array<f32>;
@group(0) @binding(1) var<storage, read> lines: array<f32>;
@group(0) @binding(2) var<storage, read_write> from_rows: array<f32>;
@group(0) @binding(3) var<storage, read_write> from_columns: array<f32>;
@group(0) @binding(4) var<uniform> shape: Shape;

const NONE = -1e30;
const HARDLY_ANY = -5e29;

fn factor(potential: f32, bias: f32) -> f32 { return select(potential + bias, NONE, min(potential, bias) < HARDLY_ANY); }

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) {
  let n = shape.n;
  let line = id.x;
  if (line < n) { from_rows[line] = factor(potentials[line], lines[line]); }
  else if (line < n + shape.m) { from_columns[line - n] = factor(potentials[line], lines[3u * n + line]); }
}
