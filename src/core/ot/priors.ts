import { unreachable } from '../../base/assert.ts';
import { sum, type UotProblem } from './problem.ts';

/** log c, row-major n × m with −∞ where c = 0, and its total mass m_c. */
export interface Reference {
  readonly logC: Float64Array;
  readonly mass: number;
}

/** m_c, the mass of a reference measure. */
export function referenceMass({ n, m, a, b, prior }: Pick<UotProblem, 'n' | 'm' | 'a' | 'b' | 'prior'>): number {
  switch (prior.kind) {
    case 'product':
      return sum(a) * sum(b);
    case 'ones':
      return n * m;
    case 'diagonal':
    case 'band':
      return 1;
    case 'soft':
      return 1 - prior.epsilon + prior.epsilon * sum(a) * sum(b);
    case 'dense':
      return sum(prior.values);
    default:
      return unreachable(prior);
  }
}

/** The reference measure of a problem in log form (see `Prior` for the definitions). */
export function referenceMeasure(problem: Pick<UotProblem, 'n' | 'm' | 'a' | 'b' | 'prior'>): Reference {
  const { n, m, a, b, prior } = problem;
  const mass = referenceMass(problem);
  const shared = Math.min(n, m);
  const logA = a.map(Math.log);
  const logB = b.map(Math.log);
  const logC = new Float64Array(n * m);
  const fill = (value: (i: number, j: number) => number): void => {
    for (let i = 0, k = 0; i < n; i++) for (let j = 0; j < m; j++, k++) logC[k] = value(i, j);
  };
  switch (prior.kind) {
    case 'product':
      fill((i, j) => logA[i]! + logB[j]!);
      return { logC, mass };
    case 'ones':
      return { logC, mass };
    case 'diagonal':
      fill((i, j) => (i === j ? -Math.log(shared) : -Infinity));
      return { logC, mass };
    case 'soft': {
      const { epsilon } = prior;
      fill((i, j) => (i === j ? Math.log((1 - epsilon) / shared + epsilon * a[i]! * b[j]!) : Math.log(epsilon) + logA[i]! + logB[j]!));
      return { logC, mass };
    }
    case 'band': {
      const scale = 2 * (prior.width * shared) ** 2;
      fill((i, j) => logA[i]! + logB[j]! - (i - j) ** 2 / scale);
      const logTotal = logSumExp(logC);
      for (let k = 0; k < logC.length; k++) logC[k] = logC[k]! - logTotal;
      return { logC, mass };
    }
    case 'dense':
      for (let k = 0; k < logC.length; k++) logC[k] = Math.log(prior.values[k]!);
      return { logC, mass };
    default:
      return unreachable(prior);
  }
}

/** log Σ exp(x_k), −∞ for an empty or all −∞ array. */
export function logSumExp(values: Float64Array): number {
  let top = -Infinity;
  for (let k = 0; k < values.length; k++) if (values[k]! > top) top = values[k]!;
  if (top === -Infinity) return top;
  let total = 0;
  for (let k = 0; k < values.length; k++) total += Math.exp(values[k]! - top);
  return top + Math.log(total);
}
