import { UserError } from '../base/errors.ts';
import { typeOf } from './dtypes.ts';
import type { Graph, GraphNode, Weight } from './graph.ts';
import { MAX_VALUES, quoted } from './graph.ts';
import { MAX_RANK, MAX_RUN_BYTES, MAX_TENSOR_BYTES } from './limits.ts';
import type { Dim, Known } from './shape-rules.ts';
import { ruleOf } from './shape-rules.ts';

/** What is known of one run's tensors: a lower bound, because an unknown axis counts as 1 and an unknown tensor as 0. */
export interface RunBytes {
  readonly total: number;
  readonly largest: number;
}

/**
 * Estimate the memory that a run allocates, from the shapes that the file declares and the constants that it computes
 * shapes from, before anything is allocated: a ConstantOfShape or Expand of a few bytes can ask for gigabytes.
 *
 * @param order the nodes, each after those that it reads from
 * @param axes sizes of the inputs' axes for the run that is meant, null where unknown; by input name
 * @throws UserError naming file and operator beyond `MAX_TENSOR_BYTES` for one tensor or `MAX_RUN_BYTES` for all
 */
export function checkRunBytes(graph: Graph, order: readonly GraphNode[], axes: ReadonlyMap<string, readonly Dim[] | null>, file: string): RunBytes {
  const known = new Map<string, Known>();
  let total = 0;
  let largest = 0;
  const account = (value: Known, maker: string): void => {
    if (value.shape && value.shape.length > MAX_RANK) throw tooLarge(file, `${maker} has ${value.shape.length} axes, more than the ${MAX_RANK} that a tensor may have here`);
    const bytes = sizeOf(value);
    if (bytes > MAX_TENSOR_BYTES) throw tooLarge(file, `${maker} has ${megabytes(bytes)}, more than the ${megabytes(MAX_TENSOR_BYTES)} that one tensor may have here`);
    total += bytes;
    largest = Math.max(largest, bytes);
    if (total > MAX_RUN_BYTES) throw tooLarge(file, `its tensors take more than ${megabytes(MAX_RUN_BYTES)} together`);
  };
  for (const [name, { dtype }] of graph.inputs) {
    const value: Known = { shape: axes.get(name) ?? null, bytes: elementBytes(dtype), values: null };
    account(value, `the input ${quoted(name)}`);
    known.set(name, value);
  }
  for (const [name, weight] of graph.weights) known.set(name, constant(weight));
  for (const node of order) {
    const outputs = inferNode(node, node.inputs.map((name) => known.get(name) ?? null), graph.opset);
    for (const [k, name] of node.outputs.entries()) {
      if (name === '') continue;
      const value = outputs[k] ?? { shape: null, bytes: 4, values: null };
      account(value, `a result of the operator ${quoted(node.op)}`);
      known.set(name, value);
    }
  }
  return { total, largest };
}

/** A forged graph can contradict itself in any way; then nothing is known, and ONNX Runtime will refuse it. */
function inferNode(node: GraphNode, inputs: readonly (Known | null)[], opset: number): readonly Known[] {
  if (node.op === 'Constant') return [node.tensor ? constant(node.tensor) : scalarConstant(node)];
  return ruleOf(node.op)?.({ node, inputs, opset }) ?? [];
}

function constant({ dims, dtype, values }: Weight): Known {
  return { shape: dims, bytes: elementBytes(dtype), values: dims.length <= 1 ? values : null };
}

function scalarConstant({ attributes }: GraphNode): Known {
  const one = attributes.get('value_int');
  if (one) return { shape: [], bytes: 8, values: [Number(one.i)] };
  const many = attributes.get('value_ints');
  if (many) return { shape: [many.ints.length], bytes: 8, values: many.ints.length <= MAX_VALUES ? many.ints.map(Number) : null };
  const floats = attributes.get('value_floats')?.floats;
  const single = attributes.get('value_float')?.f;
  return { shape: floats ? [floats.length] : [], bytes: 4, values: (floats && floats.length <= MAX_VALUES ? floats : null) ?? (single === undefined ? null : [single]) };
}

function sizeOf({ shape, bytes }: Known): number {
  if (!shape) return 0;
  const size = shape.reduce<number>((product, axis) => product * (axis ?? 1), bytes);
  // Forged shapes divide by zero and go below it.
  return Number.isNaN(size) ? 0 : Math.max(0, size);
}

function elementBytes(dtype: string): number {
  for (let number = 1; number < 14; number++) {
    const type = typeOf(number);
    if (type?.dtype === dtype) return type.bytes;
  }
  return 4;
}

function megabytes(bytes: number): string {
  return `${Math.ceil(bytes / 2 ** 20).toLocaleString('en')} MB`;
}

function tooLarge(file: string, why: string): UserError {
  return new UserError('encoder-too-large', `${file} asks for too much memory: ${why}. Export the encoder for smaller inputs.`);
}
