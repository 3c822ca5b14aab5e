// The plan and its sums from potentials, line by line (docs/method.md §4). Logarithms are base 2.
//
//   log2 π_ki = S_ki + from_k + from_line_i,   S = scale·cost (+ prior)
//   sums_i = (t, Σ p, Σ p·weighed, Σ p·log2 p),   p = 2^(log2 π − t),   t the line's largest log2 π
//
// Sums are scaled by their largest term, so that ratios survive where π itself underflows.
//
//   costs, priors, weighed  length × lines: M for columns, Mᵀ for rows (priors is not read unless has_prior)
//   plan       length × lines, and diagonal: log2 π_ii, NONE where π_ii = 0; both written if `store`
//   dispatch   (⌈lines/64⌉, 1, 1)

struct Shape { lines: u32, length: u32, store: u32, has_prior: u32, scale: f32, pad0: f32, pad1: f32, pad2: f32 }

@group(0) @binding(0) var<storage, read> costs: array<f32>;
@group(0) @binding(1) var<storage, read> priors: array<f32>;
@group(0) @binding(2) var<storage, read> weighed: array<f32>;
@group(0) @binding(3) var<storage, read> from_other: array<f32>;
@group(0) @binding(4) var<storage, read> from_line: array<f32>;
@group(0) @binding(5) var<storage, read_write> plan: array<f32>;
@group(0) @binding(6) var<storage, read_write> diagonal: array<f32>;
@group(0) @binding(7) var<storage, read_write> sums: array<vec4f>;
@group(0) @binding(8) var<uniform> shape: Shape;

const NONE = -1e30;
const HARDLY_ANY = -5e29;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) {
  let line = id.x;
  if (line >= shape.lines) { return; }
  var result = vec4f(NONE, 0.0, 0.0, 0.0);
  for (var k = 0u; k < shape.length; k++) {
    let cell = k * shape.lines + line;
    var value = shape.scale * costs[cell] + from_other[k] + from_line[line];
    if (shape.has_prior != 0u) { value += priors[cell]; }
    let present = value > HARDLY_ANY;
    if (shape.store != 0u) {
      plan[cell] = select(0.0, exp2(value), present);
      if (k == line) { diagonal[line] = select(NONE, value, present); }
    }
    if (present) {
      // One of the two is 1: one exponential serves both.
      let grows = value > result.x;
      let smaller = exp2(-abs(value - result.x));
      let top = max(result.x, value);
      let share = select(smaller, 1.0, grows);
      let kept = select(1.0, smaller, grows);
      // What was summed is carried to the new t: p·log2 p with it.
      result = vec4f(top, result.y * kept + share, result.z * kept + share * weighed[cell], (result.w + result.y * (result.x - top)) * kept + share * (value - top));
    }
  }
  sums[line] = result;
}
