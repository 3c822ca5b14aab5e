/*
 * Which operators a gradient goes through. The two tables that do the work are lower*.ts (every operator of a file as
 * steps of a tape) and vjp*.ts (every step's gradient).
 */

/** Inputs that a gradient may flow to, by operator of the standard domain. Every other input has to be a constant. */
const DIFFERENTIABLE: Readonly<Record<string, 'all' | readonly number[]>> = {
  ...every('all', 'Add Sub Mul Div Pow Min Max Neg Abs Sqrt Exp Log Erf Relu LeakyRelu Elu Tanh Sigmoid Softplus HardSwish Gelu Softmax'),
  ...every('all', 'Gemm MatMul Conv MaxPool AveragePool GlobalAveragePool LayerNormalization InstanceNormalization GroupNormalization'),
  ...every('all', 'Identity Cast Concat Flatten Transpose'),
  ...every([0], 'ReduceMean ReduceSum ReduceMax Reshape Squeeze Unsqueeze Expand Split Slice Pad Gather Clip Dropout'),
  BatchNormalization: [0, 1, 2],
  Where: [1, 2],
};

/** Their results are the same around almost every point, so no gradient comes out of them; their inputs may be anything. */
const FLAT: ReadonlySet<string> = new Set(['Equal', 'Greater', 'GreaterOrEqual', 'Less', 'LessOrEqual', 'And', 'Or', 'Xor', 'Not']);

/** Results hang on shapes alone, which are known before a run. */
const OF_SHAPES: ReadonlySet<string> = new Set(['Shape', 'Size']);

function every(slots: 'all' | readonly number[], names: string): Record<string, 'all' | readonly number[]> {
  return Object.fromEntries(names.split(' ').map((name) => [name, slots]));
}

export function isOfShapes(op: string): boolean {
  return OF_SHAPES.has(op);
}

/** Whether a graph that is trained may have this operator between its inputs and its outputs. */
export function isDifferentiable(op: string): boolean {
  return Object.hasOwn(DIFFERENTIABLE, op) || FLAT.has(op);
}

/** Whether a gradient may flow to this input. */
export function takesGradient(op: string, slot: number): boolean {
  const slots = Object.hasOwn(DIFFERENTIABLE, op) ? DIFFERENTIABLE[op]! : [];
  return slots === 'all' || slots.includes(slot);
}

/** Whether this input has to be a constant: an exponent may be trained, a list of axes may not even be computed. */
export function mustBeConstant(op: string, slot: number): boolean {
  return !FLAT.has(op) && op !== 'Where' && !takesGradient(op, slot);
}
