/** AdamW's constants (Loshchilov & Hutter 2019), with torch's names for what they do. */
export interface AdamWSettings {
  /** β₁ and β₂ of the moments. */
  readonly betas: readonly [number, number];
  /** Added to √v̂, outside the root. */
  readonly epsilon: number;
  /** Largest norm of all gradients together; Infinity does not clip. */
  readonly maxNorm: number;
}

/** A part of the parameters whose gradient norm is shown by itself, and which may learn at a pace of its own. */
export interface ParameterGroup {
  readonly name: string;
  /** Times the step's learning rate. */
  readonly rate: number;
  /** Decoupled: a step multiplies the weights by 1 − rate·lr·weightDecay. */
  readonly weightDecay: number;
}

/** torch's own defaults but for the weight decay, which belongs to a group, and for clipping, which torch leaves to the caller. */
export const DEFAULT_ADAMW: AdamWSettings = { betas: [0.9, 0.999], epsilon: 1e-8, maxNorm: 10 };

/** Factors of one step of one group: what the elements' arithmetic needs beside the clip factor. */
export interface AdamWFactors {
  /** 1 − lr·weightDecay */
  readonly keep: number;
  /** 1 − β₁ */
  readonly first: number;
  readonly beta2: number;
  /** 1 − β₂ */
  readonly second: number;
  /** lr/(1 − β₁ᵗ) */
  readonly stepSize: number;
  /** √(1 − β₂ᵗ) */
  readonly rootCorrection: number;
  readonly epsilon: number;
}

/** Gradients of one step. `group` is a place in the optimiser's list of groups. */
export interface CpuParameter {
  readonly group: number;
  /** Changed in place. */
  readonly values: Float32Array;
  readonly gradient: Float32Array;
}

/** What a step says of its gradients. */
export interface GradientNorms {
  /** ‖g‖₂ over all parameters, before clipping. */
  readonly total: number;
  /** The same by group. */
  readonly groups: readonly number[];
  /**
   * The first step whose gradients were not all finite (or beyond GRADIENT_LIMIT), and the first parameter of it that was
   * at fault. That step and those after it change nothing, until `resume`. null while all is well.
   */
  readonly halted: { readonly step: number; readonly parameter: number } | null;
}

/** What is larger counts as not finite: the squares of 2²⁸ smaller ones still have a sum in float32. */
export const GRADIENT_LIMIT = 1e15;

/**
 * Factors of step `t` (the first is 1): computed in float64, then rounded to float32, as torch does where it multiplies
 * a tensor. Not rounding β₂ would show: 0.999 is 1.3e-8 off in float32, and v takes it once a step.
 * @param learningRate of the step, after any schedule
 */
export function adamwFactors({ betas: [beta1, beta2], epsilon }: AdamWSettings, { rate, weightDecay }: ParameterGroup, learningRate: number, t: number): AdamWFactors {
  const lr = rate * learningRate;
  return {
    keep: Math.fround(1 - lr * weightDecay),
    first: Math.fround(1 - beta1),
    beta2: Math.fround(beta2),
    second: Math.fround(1 - beta2),
    stepSize: Math.fround(lr / (1 - beta1 ** t)),
    rootCorrection: Math.fround(Math.sqrt(1 - beta2 ** t)),
    epsilon: Math.fround(epsilon),
  };
}

/** torch's clip_grad_norm_: what gradients of a norm are multiplied by, min(1, maxNorm/(norm + 1e-6)). */
export function clipFactor(norm: number, maxNorm: number): number {
  return Math.min(1, maxNorm / (norm + 1e-6));
}

/**
 * AdamW in float32 on the host, in place, as shaders/adamw.wgsl does it on a device:
 *
 *     g ← clip·g,   w ← (1 − lr·decay)·w,   m ← m + (1 − β₁)(g − m),   v ← β₂·v + (1 − β₂)·g²
 *     w ← w − lr/(1 − β₁ᵗ) · m/(√v/√(1 − β₂ᵗ) + ε)
 *
 * A frozen parameter is one that is not given.
 */
export class CpuAdamW {
  readonly #groups: readonly ParameterGroup[];
  readonly #parameters: readonly CpuParameter[];
  readonly #settings: AdamWSettings;
  /** First and second moments, one pair a parameter: what a checkpoint keeps. */
  readonly moments: readonly { readonly m: Float32Array; readonly v: Float32Array }[];
  #halted: GradientNorms['halted'] = null;

  constructor(parameters: readonly CpuParameter[], groups: readonly ParameterGroup[], settings: AdamWSettings) {
    this.#parameters = parameters;
    this.#groups = groups;
    this.#settings = settings;
    this.moments = parameters.map(({ values: { length } }) => ({ m: new Float32Array(length), v: new Float32Array(length) }));
  }

  /** Forget that gradients were not finite, once good weights are back. */
  resume(): void {
    this.#halted = null;
  }

  /**
   * One step from the gradients as they stand.
   * @param t number of the step, from 1  @param learningRate after any schedule
   */
  step(t: number, learningRate: number): GradientNorms {
    const squares = this.#groups.map(() => 0);
    for (const [k, { group, gradient }] of this.#parameters.entries()) {
      const sum = sumOfSquares(gradient);
      if (sum === null) this.#halted ??= { step: t, parameter: k };
      else squares[group]! += sum;
    }
    const total = Math.sqrt(squares.reduce((sum, value) => sum + value, 0));
    if (!this.#halted) {
      const clip = clipFactor(total, this.#settings.maxNorm);
      const factors = this.#groups.map((group) => adamwFactors(this.#settings, group, learningRate, t));
      for (const [k, { group, values, gradient }] of this.#parameters.entries()) descend(values, gradient, this.moments[k]!, clip, factors[group]!);
    }
    return { total, groups: squares.map(Math.sqrt), halted: this.#halted };
  }
}

/** Σg²; null where a g is no finite number or too large. */
function sumOfSquares(gradient: Float32Array): number | null {
  let sum = 0;
  for (const value of gradient) {
    if (!(Math.abs(value) <= GRADIENT_LIMIT)) return null;
    sum += value * value;
  }
  return sum;
}

/** Each product and sum is rounded to float32 where torch's tensors round it. */
function descend(values: Float32Array, gradient: Float32Array, { m, v }: { readonly m: Float32Array; readonly v: Float32Array }, clip: number, { keep, first, beta2, second, stepSize, rootCorrection, epsilon }: AdamWFactors): void {
  for (let k = 0; k < values.length; k++) {
    const g = Math.fround(clip * gradient[k]!);
    m[k] = m[k]! + first * (g - m[k]!);
    v[k] = Math.fround(beta2 * v[k]!) + second * g * g;
    const denominator = Math.fround(Math.sqrt(v[k]!) / rootCorrection) + epsilon;
    values[k] = Math.fround(keep * values[k]!) - stepSize * (m[k]! / denominator);
  }
}
