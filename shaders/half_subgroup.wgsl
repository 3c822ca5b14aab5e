enable subgroups;
// Half a Sinkhorn step for large problems in one kernel, where the device has subgroups (with large_common.wgsl, half_terms.wgsl
// and half_update.wgsl, which follow this file because `enable` has to come first).
//
// One workgroup a line. Threads sum their share of it, each subgroup reduces its threads', and the subgroups' few sums meet in
// workgroup memory. Where a thread sits among subgroups is nowhere used: WGSL leaves that to the driver, so each subgroup
// draws a place to write to. The matrix is stored line after line: M for the row step, its transpose for the column step.
//
//   costs, priors  lines × length (priors is not read unless HAS_PRIOR)
//   from_other     (potential + bias, drift) of the other side, length
//   dispatch       (lines, 1, 1)

@group(0) @binding(0) var<storage, read> costs: array<f32>;
@group(0) @binding(1) var<storage, read> priors: array<f32>;
@group(0) @binding(2) var<storage, read> from_other: array<vec2f>;
@group(0) @binding(3) var<storage, read> side: array<f32>;
@group(0) @binding(4) var<storage, read> state: State;
@group(0) @binding(5) var<storage, read_write> potential: array<f32>;
@group(0) @binding(6) var<storage, read_write> moved: array<f32>;
@group(0) @binding(7) var<storage, read_write> outgoing: array<vec2f>;
@group(0) @binding(8) var<uniform> settings: Settings;

const THREADS = 64u;

var<workgroup> places: atomic<u32>;
// A subgroup has at least one thread, whatever its size.
var<workgroup> parts: array<vec3f, THREADS>;
var<workgroup> finished: u32;

@compute @workgroup_size(THREADS)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) thread: u32) {
  let line = group.x;
  if (thread == 0u) { finished = state.done; }
  if (workgroupUniformLoad(&finished) != 0u) { return; }
  let start = line * settings.length;
  let scale = -LOG2_E / state.epsilon;
  var sum = Sum(NONE, 0.0, 0.0);
  var k = thread;
  for (; k + 3u * THREADS < settings.length; k += 4u * THREADS) { sum = add_four(sum, start + k, THREADS, k, THREADS, scale); }
  for (; k < settings.length; k += THREADS) { sum = add_one(sum, start + k, k, scale); }
  let top = subgroupMax(sum.top);
  let share = exp2(sum.top - top);
  let total = subgroupAdd(sum.total * share);
  let drift = subgroupAdd(sum.drift * share);
  if (subgroupElect()) { parts[atomicAdd(&places, 1u)] = vec3f(top, total, drift); }
  workgroupBarrier();
  if (thread != 0u) { return; }
  let count = atomicLoad(&places);
  var highest = NONE;
  for (var c = 0u; c < count; c++) { highest = max(highest, parts[c].x); }
  var all = vec2f(0.0);
  for (var c = 0u; c < count; c++) { all += parts[c].yz * exp2(parts[c].x - highest); }
  update(line, highest, all.x, all.y);
}
