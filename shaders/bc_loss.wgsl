// Behaviour cloning's loss and its derivative with respect to the prediction.
//
//   loss = Σ ρ(x − y)/N over steps that are no padding,   gradient = ρ'(x − y)/N there, 0 on padding
//   ρ(e) = |e| where `power` is 1, e² where it is 2
//
//   prediction, goal, gradient  steps × width, row-major
//   valid     1 for a step that counts, 0 for padding; not read unless `masked`
//   losses    the loss goes to entry `slot`
//   strange   where an x − y that counts is NaN or ±∞, the gradient is STRANGE/N, which no optimiser takes, and the loss
//             STRANGE: sign(NaN) may be 0, and a broken prediction would look like a perfect one
//   dispatch  (1, 1, 1): a chunk has some thousand entries, and one workgroup needs one barrier

struct Settings { count: u32, width: u32, slot: u32, power: u32, masked: u32, divisor: f32, pad0: u32, pad1: u32 }

@group(0) @binding(0) var<storage, read> prediction: array<f32>;
@group(0) @binding(1) var<storage, read> goal: array<f32>;
@group(0) @binding(2) var<storage, read> valid: array<f32>;
@group(0) @binding(3) var<storage, read_write> gradient: array<f32>;
@group(0) @binding(4) var<storage, read_write> losses: array<f32>;
@group(0) @binding(5) var<uniform> settings: Settings;

const THREADS = 64u;
const STRANGE = 1e30;
// All exponent bits are set in infinities and NaN, and only there. WGSL may assume that neither exists, but not of bits.
const EXPONENT = 0x7f800000u;

var<workgroup> sums: array<vec2f, THREADS>;

@compute @workgroup_size(THREADS)
fn main(@builtin(local_invocation_index) thread: u32) {
  var sum = vec2f(0.0);
  for (var k = thread; k < settings.count; k += THREADS) {
    var slope = 0.0;
    if (settings.masked == 0u || valid[k / settings.width] > 0.0) {
      let error = prediction[k] - goal[k];
      if ((bitcast<u32>(error) & EXPONENT) == EXPONENT) {
        sum.y = 1.0;
        slope = STRANGE;
      } else {
        sum.x += select(error * error, abs(error), settings.power == 1u);
        slope = select(2.0 * error, sign(error), settings.power == 1u);
      }
    }
    gradient[k] = slope / settings.divisor;
  }
  sums[thread] = sum;
  workgroupBarrier();
  if (thread != 0u) { return; }
  for (var k = 1u; k < THREADS; k++) { sum += sums[k]; }
  losses[settings.slot] = select(sum.x / settings.divisor, STRANGE, sum.y > 0.0);
}
