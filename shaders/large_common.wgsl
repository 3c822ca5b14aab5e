// Shared by the kernels that solve one problem with the whole GPU (put in front of them). Logarithms are base 2, and costs are
// centred, as in small_common.wgsl.

// Where a solve stands. Every dispatch of a solve that is done returns at once, so that many sweeps can be submitted together.
struct State {
  iterations: u32,
  // 0: goes on, 1: met its stop rule, 2: gave up at its cap (fast mode).
  done: u32,
  error: f32,
  // Parity: all moves are small, and are carried along from now on.
  steady: u32,
  // Fast mode: the level, sweeps at it, those whose pairs are no longer mixed, and the smallest residual at it.
  epsilon: f32,
  sweep: u32,
  forgotten: u32,
  best: f32,
}

// Stands for −∞, which WGSL may assume away.
const NONE = -1e30;
const HARDLY_ANY = -5e29;
const LOG2_E = 1.4426950408889634;
const LN_2 = 0.6931471805599453;
