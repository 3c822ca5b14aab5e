// Half a Sinkhorn step for large problems, second part: from pieces of log-sum-exps to potentials (after large_common.wgsl
// and half_update.wgsl, which says what the buffers hold).
//
//   L_i = log2 Σ_c s_ci 2^t_ci
//
//   partials   (t, s, d), pieces × lines (half_partial.wgsl)
//   dispatch   (⌈lines/64⌉, 1, 1)

@group(0) @binding(0) var<storage, read> partials: array<vec4f>;
@group(0) @binding(1) var<storage, read> side: array<f32>;
@group(0) @binding(2) var<storage, read> state: State;
@group(0) @binding(3) var<storage, read_write> potential: array<f32>;
@group(0) @binding(4) var<storage, read_write> moved: array<f32>;
@group(0) @binding(5) var<storage, read_write> outgoing: array<vec2f>;
@group(0) @binding(6) var<uniform> settings: Settings;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) {
  let line = id.x;
  if (line >= settings.lines || state.done != 0u) { return; }
  let pieces = arrayLength(&partials) / settings.lines;
  var top = NONE;
  for (var c = 0u; c < pieces; c++) { top = max(top, partials[c * settings.lines + line].x); }
  var total = 0.0;
  var drift = 0.0;
  for (var c = 0u; c < pieces; c++) {
    let part = partials[c * settings.lines + line];
    let share = exp2(part.x - top);
    total += part.y * share;
    drift += part.z * share;
  }
  update(line, top, total, drift);
}
