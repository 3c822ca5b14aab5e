// Half a Sinkhorn step for large problems, first part: log-sum-exps over pieces of lines. Logarithms are base 2.
//
//   piece c of line i:  (t, s, d) with s = Σ_{k in piece} 2^(S_ki + from_k − t),   S = scale·cost (+ prior),
//   and d the same sum with factors drift_k, for the stop rule (half_combine.wgsl)
//
// The matrix is stored so that neighbouring lines are neighbours in memory: M itself for the column step, its transpose
// for the row step. One thread a line and piece, no barriers: on a software adapter barriers are what costs, on a real
// one the reads coalesce and the pieces fill the machine.
//
//   costs, priors  length × lines (priors is not read unless has_prior)
//   from_other     (potential + bias, drift) of the other side, length
//   partials       pieces × lines
//   state          iterations, done, error, steady: a finished solve returns at once
//   dispatch       (⌈lines/64⌉, pieces, 1)

struct Shape { lines: u32, length: u32, piece: u32, has_prior: u32, scale: f32, pad0: f32, pad1: f32, pad2: f32 }

@group(0) @binding(0) var<storage, read> costs: array<f32>;
@group(0) @binding(1) var<storage, read> priors: array<f32>;
@group(0) @binding(2) var<storage, read> from_other: array<vec2f>;
@group(0) @binding(3) var<storage, read> state: array<u32>;
@group(0) @binding(4) var<storage, read_write> partials: array<vec4f>;
@group(0) @binding(5) var<uniform> shape: Shape;

const NONE = -1e30;

fn exponent(k: u32, line: u32) -> f32 {
  var value = shape.scale * costs[k * shape.lines + line] + from_other[k].x;
  if (shape.has_prior != 0u) { value += priors[k * shape.lines + line]; }
  return max(value, NONE);
}

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) {
  let line = id.x;
  if (line >= shape.lines || state[1] != 0u) { return; }
  let first = id.y * shape.piece;
  let end = min(first + shape.piece, shape.length);
  var top = NONE;
  var total = 0.0;
  var drift = 0.0;
  for (var k = first; k < end; k += 4u) {
    var values = vec4f(NONE);
    var drifts = vec4f(0.0);
    for (var c = 0u; c < 4u; c++) {
      if (k + c < end) {
        values[c] = exponent(k + c, line);
        drifts[c] = from_other[k + c].y;
      }
    }
    // One rescaling of what was summed for each four entries.
    let next = max(top, max(max(values.x, values.y), max(values.z, values.w)));
    let shares = exp2(values - vec4f(next));
    let kept = exp2(top - next);
    total = total * kept + shares.x + shares.y + shares.z + shares.w;
    drift = drift * kept + dot(shares, drifts);
    top = next;
  }
  partials[id.y * shape.lines + line] = vec4f(top, total, drift, 0.0);
}
