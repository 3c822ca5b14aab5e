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

/** What an optimiser remembers between steps, by parameter: with the weights, all that a checkpoint needs of it. */
export interface OptimiserState {
  /** First and second moments. */
  readonly moments: readonly { readonly m: Float32Array<ArrayBuffer>; readonly v: Float32Array<ArrayBuffer> }[];
  /** Moving averages of the weights; null where none are kept. */
  readonly averages: readonly Float32Array<ArrayBuffer>[] | null;
}

/** A tensor that trains. */
export interface CpuParameter {
  /** A place in the optimiser's list of groups. */
  readonly group: number;
  /** Changed in place. */
  readonly values: Float32Array<ArrayBuffer>;
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
 * A frozen parameter is one that is not given. Averages, where they are kept, start as copies of the weights.
 */
export class CpuAdamW {
  readonly #groups: readonly ParameterGroup[];
  readonly #parameters: readonly CpuParameter[];
  readonly #settings: AdamWSettings;
  #state: OptimiserState;
  #halted: GradientNorms['halted'] = null;

  constructor(parameters: readonly CpuParameter[], groups: readonly ParameterGroup[], settings: AdamWSettings, averaged: boolean) {
    this.#parameters = parameters;
    this.#groups = groups;
    this.#settings = settings;
    this.#state = {
      moments: parameters.map(({ values: { length } }) => ({ m: new Float32Array(length), v: new Float32Array(length) })),
      averages: averaged ? parameters.map(({ values }) => values.slice()) : null,
    };
  }

  /** The averages as they stand, by parameter, to be read only; null where none are kept. */
  get averages(): OptimiserState['averages'] {
    return this.#state.averages;
  }

  /** A copy of what it remembers. */
  get state(): OptimiserState {
    return copied(this.#state);
  }

  /** Go on from what `state` gave, as if nothing had been; the weights are the caller's to put back. */
  restore(state: OptimiserState): void {
    this.#state = copied(state);
    this.resume();
  }

  /** Forget that gradients were not finite. */
  resume(): void {
    this.#halted = null;
  }

  /**
   * One step from the gradients as they stand.
   * @param t number of the step, from 1  @param learningRate after any schedule
   * @param decay share of the averages that is kept (`emaDecay`); not used where there are none
   */
  step(t: number, learningRate: number, decay: number): GradientNorms {
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
      const { moments, averages } = this.#state;
      for (const [k, { group, values, gradient }] of this.#parameters.entries()) {
        descend(values, gradient, moments[k]!, clip, factors[group]!);
        if (averages) average(averages[k]!, values, decay);
      }
    }
    return { total, groups: squares.map(Math.sqrt), halted: this.#halted };
  }
}

function copied({ moments, averages }: OptimiserState): OptimiserState {
  return { moments: moments.map(({ m, v }) => ({ m: m.slice(), v: v.slice() })), averages: averages && averages.map((values) => values.slice()) };
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

/** average ← decay·average + (1 − decay)·values, as shaders/ema.wgsl. */
function average(averages: Float32Array, values: Float32Array, decay: number): void {
  for (let k = 0; k < averages.length; k++) averages[k] = Math.fround(decay * averages[k]!) + (1 - decay) * values[k]!;
}
