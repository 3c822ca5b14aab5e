import { readFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import { dump, parse } from 'npyjs';
import { UserError } from '../../src/base/errors.ts';
import { costStatistics } from '../../src/core/ot/diagnostics.ts';
import { uniformWeights, type Prior, type UotProblem } from '../../src/core/ot/problem.ts';
import { solve } from '../../src/core/ot/solve.ts';
import { planWarnings } from '../../src/core/ot/warnings.ts';
import { parseNumber } from '../../src/words/numbers.ts';
import { t } from '../../src/words/index.ts';
import { warningWords } from '../../src/words/warnings.ts';
import { joinNegative, writeOut } from './options.ts';

/**
 * `inspect solve --cost M.npy --reg R --tau1 T --tau2 T [--prior product|ones|diagonal|soft:E|band:S] [--a a.npy]
 * [--b b.npy] [--mode parity|fast] [--out pi.npy]`
 */
export async function inspectSolve(args: string[]): Promise<object> {
  const text = { type: 'string' } as const;
  const { values } = parseArgs({
    args: joinNegative(args),
    options: { cost: text, reg: text, tau1: text, tau2: text, prior: { ...text, default: 'product' }, a: text, b: text, mode: { ...text, default: 'fast' }, out: text },
  });
  if (!values.cost) throw new UserError('usage', 'Name the cost matrix: --cost M.npy.');
  const cost = await readArray(values.cost);
  const [n, m] = cost.shape;
  if (cost.shape.length !== 2 || n === undefined || m === undefined) throw new UserError('bad-npy', `${values.cost} has ${cost.shape.length} axes; a cost matrix has two.`);
  const mode = values.mode;
  if (mode !== 'parity' && mode !== 'fast') throw new UserError('usage', `--mode is "${mode}"; it must be parity or fast.`);
  const problem: UotProblem = {
    n,
    m,
    cost: cost.values,
    a: values.a ? await readWeights(values.a) : uniformWeights(n),
    b: values.b ? await readWeights(values.b) : uniformWeights(m),
    prior: parsePrior(values.prior),
    reg: numberOption('reg', values.reg),
    tau1: numberOption('tau1', values.tau1),
    tau2: numberOption('tau2', values.tau2),
  };
  const solution = solve(problem, { mode });
  if (values.out) await writeOut(values.out, new Uint8Array(dump(solution.plan, [n, m])));
  const context = { statistics: costStatistics(problem.cost), shares: new Map(), cameras: { count: 0, weight: 0 }, embeddingVariance: new Map(), constantDimensions: [], jitter: null };
  return {
    ot_loss: solution.transportCost,
    ot_pi_sum: solution.mass,
    ot_pi_diag: solution.diagonalMass,
    iterations: solution.iterations,
    error: solution.error,
    converged: solution.converged,
    primal: solution.primal,
    dual: solution.dual,
    gap: solution.gap,
    perplexity: solution.perplexity,
    warnings: planWarnings(problem, solution, context).map((warning) => {
      const { key, values: filled } = warningWords(warning);
      return { code: warning.code, value: warning.value, message: t(key, filled) };
    }),
  };
}

function numberOption(name: string, value: string | undefined): number {
  if (value === undefined) throw new UserError('usage', `--${name} is missing; give a positive number${name === 'reg' ? '' : ', or inf'}.`);
  const number = parseNumber(value);
  if (Number.isNaN(number)) throw new UserError('usage', `--${name} is "${value}", which is not a number.`);
  return number;
}

function parsePrior(text: string): Prior {
  const [kind, parameter] = text.split(':');
  if (text === 'diag') return { kind: 'diagonal' };
  if (parameter === undefined && (kind === 'product' || kind === 'ones' || kind === 'diagonal')) return { kind };
  const value = parseNumber(parameter ?? '');
  if (kind === 'soft' && !Number.isNaN(value)) return { kind, epsilon: value };
  if (kind === 'band' && !Number.isNaN(value)) return { kind, width: value };
  throw new UserError('usage', `--prior is "${text}"; it must be product, ones, diagonal, soft:E or band:S, such as soft:0.1.`);
}

async function readWeights(path: string): Promise<Float64Array> {
  const { values, shape } = await readArray(path);
  if (shape.length !== 1) throw new UserError('bad-npy', `${path} has ${shape.length} axes; weights have one.`);
  return values;
}

/** A float32 or float64 array in C order, as float64. */
async function readArray(path: string): Promise<{ values: Float64Array; shape: number[] }> {
  const bytes = await readFile(path).catch(() => {
    throw new UserError('no-file', `${path} cannot be read. Name an existing .npy file.`);
  });
  let array: ReturnType<typeof parse>;
  try {
    array = parse(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength));
  } catch {
    throw new UserError('bad-npy', `${path} is not a .npy file that can be read. Write it with numpy.save as float32 or float64.`);
  }
  const { data, shape, dtype, fortranOrder } = array;
  if (!(data instanceof Float32Array || data instanceof Float64Array)) throw new UserError('bad-npy', `${path} holds ${dtype}; float32 or float64 works.`);
  if (fortranOrder && shape.length > 1) throw new UserError('bad-npy', `${path} is in Fortran order; save numpy.ascontiguousarray of it.`);
  const expected = shape.reduce((product, extent) => product * extent, 1);
  if (data.length !== expected) throw new UserError('bad-npy', `${path} declares ${expected} values and holds ${data.length}; it is truncated. Save it again.`);
  return { values: Float64Array.from(data), shape };
}
