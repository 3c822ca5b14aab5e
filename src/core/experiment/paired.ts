/** How the mean of paired differences stands. */
export interface PairedDifference {
  /** Pairs: seeds that both methods were run with. */
  readonly pairs: number;
  readonly mean: number;
  /** Standard error of the mean; NaN for fewer than two pairs. */
  readonly error: number;
  /** 95% interval of the mean, by Student's t with pairs − 1 degrees of freedom; NaN for fewer than two pairs. */
  readonly low: number;
  readonly high: number;
  /** Pairs with a difference above 0, and below. */
  readonly above: number;
  readonly below: number;
}

/** Mean and standard error of some values; the error is NaN for fewer than two. */
export interface Mean {
  readonly count: number;
  readonly mean: number;
  readonly error: number;
}

/** The mean of values and its standard error s/√n, s with n − 1. NaN for none. */
export function meanOf(values: readonly number[]): Mean {
  const count = values.length;
  const mean = values.reduce((sum, value) => sum + value, 0) / count;
  const squares = values.reduce((sum, value) => sum + (value - mean) ** 2, 0);
  return { count, mean, error: count < 2 ? Number.NaN : Math.sqrt(squares / (count - 1) / count) };
}

/** One difference a seed: what seeds have in common falls out of it. */
export function pairedDifference(differences: readonly number[]): PairedDifference {
  const { count, mean, error } = meanOf(differences);
  const reach = count < 2 ? Number.NaN : studentQuantile(0.975, count - 1) * error;
  return { pairs: count, mean, error, low: mean - reach, high: mean + reach, above: differences.filter((value) => value > 0).length, below: differences.filter((value) => value < 0).length };
}

/** The t with P(T ≤ t) = probability in (0.5, 1), for a whole number of degrees of freedom ≥ 1; by bisection. */
export function studentQuantile(probability: number, freedom: number): number {
  let [low, high] = [0, 1];
  while (studentWithin(high, freedom) < 2 * probability - 1) high *= 2;
  for (let k = 0; k < 80; k++) {
    const middle = (low + high) / 2;
    if (studentWithin(middle, freedom) < 2 * probability - 1) low = middle;
    else high = middle;
  }
  return (low + high) / 2;
}

/** P(|T| ≤ t): the finite sums of Abramowitz & Stegun 26.7.3 and 26.7.4, with θ = atan(t/√ν). */
function studentWithin(t: number, freedom: number): number {
  const theta = Math.atan(t / Math.sqrt(freedom));
  const [sine, cosine] = [Math.sin(theta), Math.cos(theta)];
  const odd = freedom % 2 === 1;
  let term = odd ? cosine : 1;
  let sum = freedom === 1 ? 0 : term;
  for (let k = odd ? 3 : 2; k < freedom; k += 2) {
    term *= ((k - 1) / k) * cosine * cosine;
    sum += term;
  }
  return odd ? (2 / Math.PI) * (theta + sine * sum) : sine * sum;
}
