// Terms of a line's log-sum-exp for large problems (between large_common.wgsl and half_partial.wgsl or half_subgroup.wgsl,
// which say how the matrix lies): a running (t, s, d) with s = Σ_k 2^(v_k − t), v_k = S_k + from_k, S = scale·cost (+ prior),
// and d the same sum with factors drift_k, for parity's stop rule (half_update.wgsl).

// Compile-time switches: a fast solve needs no drift.
override HAS_PRIOR: bool = false;
override CARRY: bool = true;

struct Sum { top: f32, total: f32, drift: f32 }

// Four more terms, whose cells lie `stride` apart, from entry k of the line on, `step` apart. One rescaling of what was
// summed for each four.
fn add_four(sum: Sum, cell: u32, stride: u32, k: u32, step: u32, scale: f32) -> Sum {
  let a = from_other[k];
  let b = from_other[k + step];
  let c = from_other[k + 2u * step];
  let d = from_other[k + 3u * step];
  var values = scale * vec4f(costs[cell], costs[cell + stride], costs[cell + 2u * stride], costs[cell + 3u * stride]) + vec4f(a.x, b.x, c.x, d.x);
  if (HAS_PRIOR) { values += vec4f(priors[cell], priors[cell + stride], priors[cell + 2u * stride], priors[cell + 3u * stride]); }
  let top = max(sum.top, max(max(values.x, values.y), max(values.z, values.w)));
  let shares = exp2(values - top);
  let kept = exp2(sum.top - top);
  var drift = 0.0;
  if (CARRY) { drift = sum.drift * kept + dot(shares, vec4f(a.y, b.y, c.y, d.y)); }
  return Sum(top, sum.total * kept + (shares.x + shares.y + (shares.z + shares.w)), drift);
}

// One more, for what four do not divide.
fn add_one(sum: Sum, cell: u32, k: u32, scale: f32) -> Sum {
  let other = from_other[k];
  var value = scale * costs[cell] + other.x;
  if (HAS_PRIOR) { value += priors[cell]; }
  let top = max(sum.top, value);
  let share = exp2(value - top);
  let kept = exp2(sum.top - top);
  return Sum(top, sum.total * kept + share, sum.drift * kept + share * other.y);
}
