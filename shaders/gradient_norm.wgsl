// From sums of squares (squares.wgsl) to gradient norms by group, the clip factor, and whether training has to halt.
//
//   groups_g = √(Σ over the parameters of group g),   total = √(Σ over all),   clip = min(1, max_norm/(total + 1e-6))
//
// Where a span is marked, `halted` becomes this step's number and `culprit` the first such parameter. Both stay until
// the host clears them: adamw.wgsl and ema.wgsl do nothing meanwhile, so the last good weights are kept though nobody
// has read anything yet.
//
//   partials  one a span
//   spans     (start, end, parameter, group) of each
//   dispatch  (1, 1, 1)

struct Settings { spans: u32, groups: u32, step: u32, max_norm: f32 }
struct Norms { clip: f32, total: f32, halted: u32, culprit: u32, groups: array<f32> }

@group(0) @binding(0) var<storage, read> partials: array<vec2f>;
@group(0) @binding(1) var<storage, read> spans: array<vec4u>;
@group(0) @binding(2) var<storage, read_write> norms: Norms;
@group(0) @binding(3) var<uniform> settings: Settings;

const THREADS = 64u;
const NONE = 0xffffffffu;

var<workgroup> sums: array<f32, THREADS>;
var<workgroup> culprits: array<u32, THREADS>;

@compute @workgroup_size(THREADS)
fn main(@builtin(local_invocation_index) thread: u32) {
  var all = 0.0;
  var culprit = NONE;
  for (var group = 0u; group < settings.groups; group++) {
    var sum = 0.0;
    for (var s = thread; s < settings.spans; s += THREADS) {
      let span = spans[s];
      if (span.w != group) { continue; }
      let partial = partials[s];
      if (partial.y > 0.0) { culprit = min(culprit, span.z); } else { sum += partial.x; }
    }
    sums[thread] = sum;
    culprits[thread] = culprit;
    workgroupBarrier();
    if (thread == 0u) {
      var square = 0.0;
      for (var k = 0u; k < THREADS; k++) {
        square += sums[k];
        culprit = min(culprit, culprits[k]);
      }
      all += square;
      norms.groups[group] = sqrt(square);
    }
    workgroupBarrier();
  }
  if (thread != 0u) { return; }
  norms.total = sqrt(all);
  norms.clip = min(1.0, settings.max_norm / (norms.total + 1e-6));
  if (culprit != NONE && norms.halted == 0u) {
    norms.halted = settings.step;
    norms.culprit = culprit;
  }
}
