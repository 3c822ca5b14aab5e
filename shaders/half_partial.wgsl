// Half a Sinkhorn step for large problems, first part: log-sum-exps over pieces of lines (after large_common.wgsl and
// half_terms.wgsl).
//
// The matrix is stored so that neighbouring lines are neighbours in memory: M itself for the column step, its transpose
// for the row step. One thread a line and piece, no barriers: on a software adapter barriers are what costs, on a real
// one the reads coalesce and the pieces fill the machine.
//
//   costs, priors  length × lines (priors is not read unless HAS_PRIOR)
//   from_other     (potential + bias, drift) of the other side, length
//   partials       pieces × lines, (t, s, d) of piece c of line i
//   dispatch       (⌈lines/64⌉, pieces, 1)

struct Shape { lines: u32, length: u32, piece: u32, pad: u32 }

@group(0) @binding(0) var<storage, read> costs: array<f32>;
@group(0) @binding(1) var<storage, read> priors: array<f32>;
@group(0) @binding(2) var<storage, read> from_other: array<vec2f>;
@group(0) @binding(3) var<storage, read> state: State;
@group(0) @binding(4) var<storage, read_write> partials: array<vec4f>;
@group(0) @binding(5) var<uniform> shape: Shape;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) {
  let line = id.x;
  if (line >= shape.lines || state.done != 0u) { return; }
  let first = id.y * shape.piece;
  let end = min(first + shape.piece, shape.length);
  let scale = -LOG2_E / state.epsilon;
  var sum = Sum(NONE, 0.0, 0.0);
  var k = first;
  for (; k + 4u <= end; k += 4u) { sum = add_four(sum, k * shape.lines + line, shape.lines, k, 1u, scale); }
  for (; k < end; k++) { sum = add_one(sum, k * shape.lines + line, k, scale); }
  partials[id.y * shape.lines + line] = vec4f(sum.top, sum.total, sum.drift, 0.0);
}
