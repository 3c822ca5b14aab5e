// Half a Sinkhorn step for large problems, first part, where lines come in fours: what half_terms.wgsl and half_partial.wgsl
// compute, for four neighbouring lines a thread (after large_common.wgsl).
//
// Four lines in one read, and one read of the other side's entry for all four (ADR 0005 has what it brings).
//
//   costs, priors  length × lines/4, four neighbouring lines an entry (priors is not read unless HAS_PRIOR)
//   from_other     (potential + bias, drift) of the other side, length
//   partials       pieces × lines, (t, s, d) of piece c of line i
//   dispatch       (⌈lines/256⌉, pieces, 1)

override HAS_PRIOR: bool = false;
override CARRY: bool = true;

struct Shape { lines: u32, length: u32, piece: u32, pad: u32 }

@group(0) @binding(0) var<storage, read> costs: array<vec4f>;
@group(0) @binding(1) var<storage, read> priors: array<vec4f>;
@group(0) @binding(2) var<storage, read> from_other: array<vec2f>;
@group(0) @binding(3) var<storage, read> state: State;
@group(0) @binding(4) var<storage, read_write> partials: array<vec4f>;
@group(0) @binding(5) var<uniform> shape: Shape;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) {
  let quads = shape.lines / 4u;
  let quad = id.x;
  if (quad >= quads || state.done != 0u) { return; }
  let first = id.y * shape.piece;
  let end = min(first + shape.piece, shape.length);
  let scale = -LOG2_E / state.epsilon;
  var top = vec4f(NONE);
  var total = vec4f(0.0);
  var drift = vec4f(0.0);
  var k = first;
  // One rescaling of what was summed for each four entries.
  for (; k + 4u <= end; k += 4u) {
    let a = from_other[k];
    let b = from_other[k + 1u];
    let c = from_other[k + 2u];
    let d = from_other[k + 3u];
    let cell = k * quads + quad;
    var va = scale * costs[cell] + a.x;
    var vb = scale * costs[cell + quads] + b.x;
    var vc = scale * costs[cell + 2u * quads] + c.x;
    var vd = scale * costs[cell + 3u * quads] + d.x;
    if (HAS_PRIOR) {
      va += priors[cell];
      vb += priors[cell + quads];
      vc += priors[cell + 2u * quads];
      vd += priors[cell + 3u * quads];
    }
    let next = max(top, max(max(va, vb), max(vc, vd)));
    let kept = exp2(top - next);
    let sa = exp2(va - next);
    let sb = exp2(vb - next);
    let sc = exp2(vc - next);
    let sd = exp2(vd - next);
    total = total * kept + ((sa + sb) + (sc + sd));
    if (CARRY) { drift = drift * kept + (sa * a.y + sb * b.y + (sc * c.y + sd * d.y)); }
    top = next;
  }
  for (; k < end; k++) {
    let other = from_other[k];
    let cell = k * quads + quad;
    var value = scale * costs[cell] + other.x;
    if (HAS_PRIOR) { value += priors[cell]; }
    let next = max(top, value);
    let kept = exp2(top - next);
    let share = exp2(value - next);
    total = total * kept + share;
    if (CARRY) { drift = drift * kept + share * other.y; }
    top = next;
  }
  let out = id.y * shape.lines + 4u * quad;
  partials[out] = vec4f(top.x, total.x, drift.x, 0.0);
  partials[out + 1u] = vec4f(top.y, total.y, drift.y, 0.0);
  partials[out + 2u] = vec4f(top.z, total.z, drift.z, 0.0);
  partials[out + 3u] = vec4f(top.w, total.w, drift.w, 0.0);
}
