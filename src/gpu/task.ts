import { diagonalOf } from '../core/ot/diagonal.ts';
import type { Potentials } from '../core/ot/fast.ts';
import type { Conditions, UotProblem } from '../core/ot/problem.ts';
import type { Buffers } from './buffers.ts';
import type { Matrix } from './matrix.ts';
import { centre, priorMatrix, type Centred } from './prepare.ts';

/** The costs of a problem as a solve needs them, whether they lie on the host or on the device. */
export interface CostSource {
  /** M centred at its line minima. */
  readonly centred: Centred;
  /** max|M|. */
  readonly largest: number;
  /** M_ii, length min(n, m). */
  diagonal(): Promise<Float64Array>;
  /** M centred at potentials; what that allocates belongs to `buffers`. */
  around(potentials: Potentials, buffers: Buffers): Promise<Centred>;
}

/** log2 c where it is no function of a line (`priorMatrix`): on the host, where it decides which lines take part, and perhaps on the device. */
export interface LogPrior {
  readonly values: Float32Array<ArrayBuffer>;
  readonly matrix: Matrix;
}

/** A problem as the GPU solver takes it. Tasks that share a cost or a prior share its copy on the device. */
export interface Task {
  readonly problem: Conditions;
  readonly cost: CostSource;
  /** null where c is a bᵀ or 1. */
  readonly prior: LogPrior | null;
}

/** Float64 costs on the host. Each quantity is computed when it is first asked for. */
class HostCost implements CostSource {
  readonly #problem: UotProblem;
  #centred: Centred | null = null;
  #largest: number | null = null;

  constructor(problem: UotProblem) {
    this.#problem = problem;
  }

  get centred(): Centred {
    return (this.#centred ??= centre(this.#problem));
  }

  get largest(): number {
    return (this.#largest ??= this.#problem.cost.reduce((top, value) => Math.max(top, Math.abs(value)), 0));
  }

  diagonal(): Promise<Float64Array> {
    return Promise.resolve(diagonalOf(this.#problem));
  }

  around(potentials: Potentials): Promise<Centred> {
    return Promise.resolve(centre(this.#problem, potentials));
  }
}

/** Tasks of problems with costs on the host. Problems of a sweep share one cost array and one prior. */
export function hostTasks(problems: readonly UotProblem[]): Task[] {
  const costs = new Map<string, CostSource>();
  const priors = new Map<string, LogPrior | null>();
  const names = new Map<object, number>();
  const nameOf = (value: object): number => kept(names, value, () => names.size);
  return problems.map((problem) => {
    const { n, m, a, b, prior } = problem;
    const key = prior.kind === 'dense' ? `dense ${nameOf(prior.values)}` : `${JSON.stringify(prior)} ${nameOf(a)} ${nameOf(b)}`;
    return { problem, cost: kept(costs, `${nameOf(problem.cost)} ${n} ${m}`, () => new HostCost(problem)), prior: kept(priors, key, () => hostPrior(problem)) };
  });
}

/** log2 c on the host; null where it needs no matrix. */
export function hostPrior(problem: Conditions): LogPrior | null {
  const values = priorMatrix(problem);
  return values && { values, matrix: values };
}

/** What a map holds for a key, made if it is not there. */
function kept<Key, Value>(map: Map<Key, Value>, key: Key, make: () => Value): Value {
  if (!map.has(key)) map.set(key, make());
  return map.get(key)!;
}
