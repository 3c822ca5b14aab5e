import { fromBinary } from '@bufbuild/protobuf';
import type { TensorProto } from 'onnx-buf';
import { ModelProtoSchema, TensorProto_DataLocation as DataLocation } from 'onnx-buf';
import { assert } from '../../base/assert.ts';
import { UserError } from '../../base/errors.ts';
import type { DType, TensorData } from '../dtypes.ts';
import { isFloat, toNumbers, toTyped, typeOf } from '../dtypes.ts';
import type { Graph, GraphNode, Port, Weight } from '../graph.ts';
import { quoted, readGraph } from '../graph.ts';
import { isRandom, opLabel } from '../ops.ts';
import { embeddingOutputs, sortNodes } from '../preflight.ts';
import { isDifferentiable, isOfShapes, mustBeConstant, takesGradient } from './operators.ts';
import type { Constant } from './tape.ts';

/**
 * What initialisers that a file lists under several names are. Exporters merge initialisers that are equal by chance
 * (two fresh LayerNorms) as well as those that a network shares, and leave the same mark, an Identity: so a file does
 * not say which of the two was meant.
 *
 * `separate`: every name is a parameter of its own, as in the network whose equal values were merged.
 * `tied`: all names are one parameter, the first, whose gradient is the sum.
 */
export type Ties = 'separate' | 'tied';

/** A tensor that can be trained. */
export interface Parameter {
  readonly name: string;
  /** Without axes it may be a number of a formula (an exponent, an ε), which exporters write as initialisers too. */
  readonly dims: readonly number[];
  readonly elements: number;
  /** Other names under which the file has the same initialiser. With `separate` ties they are parameters of their own. */
  readonly aliases: readonly string[];
}

/** An operator without a gradient that the data go through, the first of them, and what has to be frozen for it. */
export interface Obstacle {
  readonly op: string;
  readonly node: string;
  /** Parameters with axes on which one of those operators hangs: with all of them frozen, an encoder can be cut behind (`splitFrozen`). */
  readonly before: readonly string[];
  /** A sentence: which operator, and what would work. */
  readonly message: string;
}

/** Whether an encoder can be trained. `op` and `node` are null where the file has no parameters; `message` is a sentence. */
export type Trainability =
  | { readonly ok: true; readonly parameters: readonly Parameter[]; readonly outputs: readonly string[]; readonly obstacle?: Obstacle }
  | { readonly ok: false; readonly op: string | null; readonly node: string | null; readonly message: string };

/** A file as the two graphs are made from it. */
export interface Source {
  readonly file: string;
  readonly opset: number;
  readonly inputs: ReadonlyMap<string, Port>;
  /** The outputs that are differentiated: all of floating point, or those that were chosen. */
  readonly outputs: readonly string[];
  /** Where the file may be `cut`: what stands in its gradients' way. Without that it is refused. */
  readonly obstacle: Obstacle | null;
  /** What the outputs need and what is no constant, each node after those that it reads from. */
  readonly nodes: readonly GraphNode[];
  readonly parameters: readonly Parameter[];
  /** The initialiser that a name stands for, through Identities; null for anything else. */
  initialiser(name: string): string | null;
  /** The parameter that a name stands for; null for anything else. */
  parameter(name: string): string | null;
  /** Names of all tensors and of nothing else. */
  readonly names: ReadonlySet<string>;
  /** Whether a tensor is the same whatever the inputs and the parameters are. */
  isConstant(name: string): boolean;
  /** An initialiser's elements; floats of any kind as float32. */
  read(initialiser: string): Constant;
}

/** Thrown where an operator has no gradient, at load or once shapes are known. */
export class Untrainable extends UserError {
  readonly op: string;
  readonly node: string;
  readonly why: string;

  /** @param why the end of the sentence's first part, where the operator alone does not say it */
  constructor(file: string, { op, domain, name, outputs }: Pick<GraphNode, 'op' | 'domain' | 'name' | 'outputs'>, why = '') {
    const label = opLabel(domain, op);
    const node = name || (outputs.find((output) => output !== '') ?? '');
    super('encoder-untrainable', `${file}: this encoder can be evaluated but not trained: op ${label} at node ${quoted(node)}${why && ` (${why})`}; keep it frozen and train a projection on top of it.`, { file, op: label, node });
    this.op = label;
    this.node = node;
    this.why = why;
  }
}

const NAMED = 3;

/**
 * Find out at load whether an encoder can be trained, and what of it. Nothing is run; what only shapes tell (a Conv
 * over three axes) `differentiate` refuses in the same words.
 *
 * @param options `outputs` that losses will be taken of, all of floating point unless given; `cut` where the encoder may
 * be cut behind what is frozen: an operator without a gradient is an `obstacle` then, as long as something is left behind it
 * @throws UserError as `preflight` does, and when an output is not there
 */
export function trainability(bytes: Uint8Array, file: string, options: Pick<SourceOptions, 'outputs' | 'ties' | 'cut'> = {}): Trainability {
  return trainabilityOf(parse(bytes, file), bytes, file, options);
}

/**
 * The same for each floating-point output alone, by output, of a file that may be cut; of at most so many of them, the first.
 *
 * @throws UserError as `preflight` does
 */
export function trainabilityByOutput(bytes: Uint8Array, file: string, most: number): Map<string, Trainability> {
  const parsed = parse(bytes, file);
  const outputs = embeddingOutputs({ file, outputs: parsed.graph.outputs }).slice(0, most);
  return new Map(outputs.map((output) => [output, trainabilityOf(parsed, bytes, file, { outputs: [output], cut: true })]));
}

/** What of a file is the same whichever output is trained. */
interface Parsed {
  readonly graph: Graph;
  /** Each node after those that it reads from. */
  readonly sorted: readonly GraphNode[];
  /** Results of Identities of initialisers → the initialiser, and the other way. */
  readonly original: ReadonlyMap<string, string>;
  readonly copies: ReadonlyMap<string, readonly string[]>;
  readonly names: ReadonlySet<string>;
}

function parse(bytes: Uint8Array, file: string): Parsed {
  const graph = readGraph(bytes, file);
  const sorted = sortNodes(graph, file);
  const original = aliasesOf(sorted, graph.weights);
  const copies = new Map<string, string[]>();
  for (const [alias, of] of original) {
    const known = copies.get(of);
    if (known) known.push(alias);
    else copies.set(of, [alias]);
  }
  return { graph, sorted, original, copies, names: new Set([...graph.inputs.keys(), ...graph.outputs.keys(), ...graph.weights.keys(), ...sorted.flatMap((node) => node.outputs)]) };
}

function trainabilityOf(parsed: Parsed, bytes: Uint8Array, file: string, { cut = false, ...options }: Pick<SourceOptions, 'outputs' | 'ties' | 'cut'>): Trainability {
  try {
    const source = sourceOf(parsed, bytes, file, options);
    if (source.parameters.length === 0) return { ok: false, op: null, node: null, message: noParameters(file).message };
    return { ok: true, parameters: source.parameters, outputs: source.outputs };
  } catch (error) {
    if (!(error instanceof Untrainable)) throw error;
    const { obstacle, parameters, outputs } = sourceOf(parsed, bytes, file, { ...options, cut: true });
    const before = new Set(obstacle?.before);
    // What draws random numbers may not be frozen either: a frame's features are kept.
    if (cut && obstacle && !drawsRandom(parsed, outputs) && parameters.some(({ name, dims }) => dims.length > 0 && !before.has(name))) return { ok: true, parameters, outputs, obstacle };
    return { ok: false, op: error.op, node: error.node, message: error.message };
  }
}

const drawsRandom = ({ sorted }: Parsed, outputs: readonly string[]): boolean => [...neededBy(outputs, sorted)].some(({ op }) => isRandom(op));

export function noParameters(file: string): UserError {
  return new UserError('encoder-untrainable', `${file} has no floating-point weights on the way to its outputs, so there is nothing in it to train; train a projection on top of it.`, { file });
}

export interface SourceOptions {
  readonly outputs?: readonly string[] | undefined;
  readonly ties?: Ties | undefined;
  /** Files of weights by the location that the model names, for `read`. */
  readonly external?: ReadonlyMap<string, Uint8Array> | undefined;
  /** Which initialisers without axes are parameters; the others are constants. All unless given. */
  readonly numbers?: (name: string) => boolean;
  /**
   * Whether the file may be cut behind what is frozen: operators without a gradient are an `obstacle` then and no error,
   * and what leads to the outputs through them is a parameter too.
   */
  readonly cut?: boolean;
}

/**
 * Read a file for its gradients: which nodes matter, what is constant, what can be trained.
 *
 * @throws Untrainable naming the first operator without a gradient, unless the file may be `cut`
 */
export function readSource(bytes: Uint8Array, file: string, options: SourceOptions = {}): Source {
  return sourceOf(parse(bytes, file), bytes, file, options);
}

function sourceOf({ graph, sorted, original, copies, names }: Parsed, bytes: Uint8Array, file: string, { outputs: chosen, ties = 'separate', external = new Map<string, Uint8Array>(), numbers = () => true, cut = false }: SourceOptions): Source {
  const outputs = chosenOutputs(file, graph.outputs, chosen);
  const initialiser = (name: string): string | null => (graph.weights.has(name) ? name : (original.get(name) ?? null));
  const parameterOf = (name: string): string => (ties === 'tied' ? (initialiser(name) ?? name) : name);
  const fed = cut ? reachedFrom(graph.inputs.keys(), sorted) : new Set<string>();
  const reached = reachedBy(outputs, sorted, original, (node) => hasGradient(node) || !node.outputs.some((name) => fed.has(name)));
  const isParameter = (name: string): boolean => {
    const found = initialiser(name);
    if (found === null || !reached.has(name)) return false;
    const { dtype, dims } = graph.weights.get(found)!;
    return isFloat(dtype) && (dims.length > 0 || numbers(parameterOf(name)));
  };
  const changing = new Set([...graph.inputs.keys(), ...[...graph.weights.keys(), ...original.keys()].filter(isParameter)]);
  const needed = neededBy(outputs, sorted);
  const used = new Set([...outputs, ...[...needed].flatMap(({ inputs }) => inputs)]);
  const obstacles: { readonly inputs: readonly string[]; readonly error: Untrainable }[] = [];
  const refuse = (error: Untrainable, { inputs }: GraphNode): void => {
    if (!cut) throw error;
    obstacles.push({ inputs, error });
  };
  const nodes = sorted.filter((node) => {
    // Aliases of initialisers are no computation.
    if (!needed.has(node) || original.has(node.outputs[0]!)) return false;
    if (isRandom(node.op)) refuse(new Untrainable(file, node, 'it draws random numbers'), node);
    if (isOfShapes(node.op) || !node.inputs.some((name) => changing.has(name))) return false;
    const refusal = refusalOf(node, file, changing, used);
    if (refusal) refuse(refusal, node);
    for (const name of node.outputs) changing.add(name);
    return true;
  });
  const found = [...new Set([...graph.weights.keys(), ...original.keys()].filter(isParameter).map(parameterOf))];
  const parameters = found.map((name): Parameter => {
    const first = initialiser(name)!;
    const { dims, elements } = graph.weights.get(first)!;
    return {
      name,
      dims,
      elements,
      // Listed when asked for: of thousands that share one initialiser, each would list all others.
      get aliases() {
        return [first, ...(copies.get(first) ?? [])].filter((other) => other !== name);
      },
    };
  });
  const obstacleOf = ({ error }: { readonly error: Untrainable }): Obstacle => {
    const ends = obstacles.flatMap(({ inputs }) => inputs);
    const upstream = new Set([...ends, ...[...neededBy(ends, sorted)].flatMap(({ inputs }) => inputs)].map(parameterOf));
    const before = parameters.filter(({ name, dims }) => dims.length > 0 && upstream.has(name)).map(({ name }) => name);
    return { op: error.op, node: error.node, before, message: obstacleSentence(error, file, before) };
  };
  return {
    file,
    opset: graph.opset,
    inputs: graph.inputs,
    outputs,
    obstacle: obstacles[0] ? obstacleOf(obstacles[0]) : null,
    nodes,
    parameters,
    initialiser,
    parameter: (name) => (changing.has(name) && initialiser(name) !== null ? parameterOf(name) : null),
    names,
    isConstant: (name) => !changing.has(name),
    read: reader(bytes, external, graph.weights),
  };
}

function chosenOutputs(file: string, outputs: ReadonlyMap<string, Port>, chosen: readonly string[] | undefined): readonly string[] {
  const floats = embeddingOutputs({ file, outputs });
  const wrong = chosen?.find((name) => !floats.includes(name));
  if (wrong !== undefined) throw new UserError('encoder-output', `${file} has no floating-point output ${quoted(wrong)}; choose one of ${floats.map(quoted).join(', ')}.`);
  return chosen && chosen.length > 0 ? [...new Set(chosen)] : floats;
}

/** Results of Identities of initialisers → the initialiser. */
function aliasesOf(nodes: readonly GraphNode[], weights: ReadonlyMap<string, Weight>): Map<string, string> {
  const original = new Map<string, string>();
  for (const { op, inputs, outputs } of nodes) {
    const from = inputs[0] ?? '';
    const of = weights.has(from) ? from : original.get(from);
    if (op === 'Identity' && of !== undefined) original.set(outputs[0]!, of);
  }
  return original;
}

function obstacleSentence({ op, node, why }: Untrainable, file: string, before: readonly string[]): string {
  const more = before.length > NAMED ? ` and ${before.length - NAMED} more` : '';
  const remedy = before.length > 0 ? `freeze what stands before it (${before.slice(0, NAMED).map(quoted).join(', ')}${more}), or keep the encoder frozen and train a projection on top of it.` : 'nothing that can be trained stands before it.';
  return `${file}: this encoder can be evaluated but not trained as a whole: op ${op} at node ${quoted(node)}${why && ` (${why})`} has no gradient; ${remedy}`;
}

/**
 * Tensors from which a gradient's way leads to one of the outputs. Aliases of initialisers stand for themselves.
 * @param known whether an operator's own rule says what a gradient goes to; through others every input counts
 */
function reachedBy(outputs: readonly string[], nodes: readonly GraphNode[], aliases: ReadonlyMap<string, string>, known: (node: GraphNode) => boolean): Set<string> {
  const reached = new Set(outputs);
  for (const node of nodes.toReversed()) {
    if (!node.outputs.some((name) => reached.has(name)) || aliases.has(node.outputs[0]!) || castsAway(node)) continue;
    for (const [slot, name] of node.inputs.entries()) if (!known(node) || takesGradient(node.op, slot)) reached.add(name);
  }
  return reached;
}

/** What hangs on one of these tensors, they themselves included. */
function reachedFrom(names: Iterable<string>, nodes: readonly GraphNode[]): ReadonlySet<string> {
  const reached = new Set(names);
  for (const { inputs, outputs } of nodes) if (inputs.some((name) => reached.has(name))) for (const name of outputs) reached.add(name);
  return reached;
}

function castsAway({ op, attributes }: GraphNode): boolean {
  const to = op === 'Cast' ? typeOf(Number(attributes.get('to')?.i ?? 1)) : null;
  return to !== null && !isFloat(to.dtype);
}

function neededBy(outputs: readonly string[], nodes: readonly GraphNode[]): Set<GraphNode> {
  const names = new Set(outputs);
  const needed = new Set<GraphNode>();
  for (const node of nodes.toReversed()) {
    if (!node.outputs.some((name) => names.has(name))) continue;
    needed.add(node);
    for (const name of node.inputs) names.add(name);
  }
  return needed;
}

const hasGradient = ({ domain, op }: GraphNode): boolean => (domain === '' || domain === 'ai.onnx') && isDifferentiable(op);

/** Why a node that is no constant has no gradient: by its operator, for lack of a constant, or as more of it is used than has one. */
function refusalOf(node: GraphNode, file: string, changing: ReadonlySet<string>, used: ReadonlySet<string>): Untrainable | null {
  if (!hasGradient(node)) return new Untrainable(file, node);
  // A Dropout's mask, the places of a MaxPool's maxima.
  const second = node.op === 'Split' ? undefined : node.outputs.slice(1).find((name) => name !== '' && used.has(name));
  if (second !== undefined) return new Untrainable(file, node, `its result ${quoted(second)} is used`);
  const computed = node.inputs.findIndex((name, slot) => changing.has(name) && mustBeConstant(node.op, slot));
  return computed >= 0 ? new Untrainable(file, node, `its input ${quoted(node.inputs[computed]!)} is computed from the data`) : null;
}

function reader(bytes: Uint8Array, external: ReadonlyMap<string, Uint8Array>, weights: ReadonlyMap<string, Weight>): Source['read'] {
  let tensors: Map<string, TensorProto> | null = null;
  return (name) => {
    tensors ??= new Map(fromBinary(ModelProtoSchema, bytes, { readUnknownFields: false }).graph!.initializer.map((tensor) => [tensor.name, tensor]));
    const [tensor, weight] = [tensors.get(name), weights.get(name)];
    assert(tensor && weight, `the initialiser ${name}`);
    const { dtype, dims } = weight;
    const data = elementsOf(tensor, weight, external);
    if (!isFloat(dtype) || dtype === 'float32') return { dtype, dims, data };
    return { dtype: 'float32', dims, data: Float32Array.from(toNumbers(dtype, data)) };
  };
}

function elementsOf(tensor: TensorProto, { dtype, bytes, external }: Weight, files: ReadonlyMap<string, Uint8Array>): TensorData {
  if (tensor.dataLocation === DataLocation.EXTERNAL || external) {
    const stored = files.get(external!.location);
    assert(stored, `the file of weights ${external!.location}`);
    return asTyped(dtype, stored.subarray(external!.offset, external!.offset + bytes));
  }
  if (tensor.rawData.length > 0) return asTyped(dtype, tensor.rawData);
  const fields = [tensor.floatData, tensor.int32Data, tensor.int64Data.map(Number), tensor.doubleData, tensor.uint64Data.map(Number)];
  const values = fields.find(({ length }) => length > 0) ?? [];
  // Here float16 lies as its bits among the int32.
  return dtype === 'float16' ? Uint16Array.from(values) : toTyped(dtype, values);
}

/** Bytes as they lie in a file, little-endian as every machine that runs this. */
function asTyped(dtype: DType, bytes: Uint8Array): TensorData {
  const { buffer } = new Uint8Array(bytes);
  switch (dtype) {
    case 'float32':
      return new Float32Array(buffer);
    case 'float64':
      return new Float64Array(buffer);
    case 'float16':
    case 'uint16':
      return new Uint16Array(buffer);
    case 'int64':
      return new BigInt64Array(buffer);
    case 'uint64':
      return new BigUint64Array(buffer);
    case 'int32':
      return new Int32Array(buffer);
    case 'uint32':
      return new Uint32Array(buffer);
    case 'int16':
      return new Int16Array(buffer);
    case 'int8':
      return new Int8Array(buffer);
    case 'uint8':
    case 'bool':
      return new Uint8Array(buffer);
  }
}
