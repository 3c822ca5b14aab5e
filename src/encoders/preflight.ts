import { UserError } from '../base/errors.ts';
import { isFloat } from './dtypes.ts';
import type { Axis, Graph, GraphNode, Port } from './graph.ts';
import { quoted, readGraph } from './graph.ts';
import { MAX_MODEL_BYTES, MAX_WEIGHT_BYTES, PROBE_BATCH } from './limits.ts';
import { isRandom, opLabel, refusalOf } from './ops.ts';
import { checkRunBytes } from './shapes.ts';

/** Bytes of another file that an encoder needs. */
export interface ExternalFile {
  /** As the model names it, relative to its own folder, with forward slashes. */
  readonly location: string;
  /** The file has at least this many. */
  readonly bytes: number;
}

/** What an ONNX file is, found out without running it. Plain data: it crosses worker and process boundaries. */
export interface Preflight {
  readonly file: string;
  readonly opset: number;
  readonly inputs: ReadonlyMap<string, Port>;
  readonly outputs: ReadonlyMap<string, Port>;
  /** Operator → nodes, in the order of the graph; operators outside the standard domain as domain:name. */
  readonly ops: ReadonlyMap<string, number>;
  readonly nodes: number;
  /** Elements of all floating-point initialisers. */
  readonly parameters: number;
  /** Weights, in the file and beside it. */
  readonly weightBytes: number;
  /** Tensors of a run of `PROBE_BATCH` rows, as far as shapes are known beforehand: a lower bound. */
  readonly runBytes: number;
  readonly external: readonly ExternalFile[];
  /** One sentence each. */
  readonly warnings: readonly string[];
}

/** Sizes of inputs' axes for a run, by input name. */
export type InputShapes = ReadonlyMap<string, readonly number[]>;

/**
 * Examine an ONNX file: parse it within limits, refuse what encoders may not hold, and size what a run would allocate.
 * ONNX Runtime sees no file that has not been through here.
 *
 * The bytes are untrusted and the parser is not ours: run this in a disposable worker or process.
 *
 * @param file its name, for the sentences
 * @param shapes of the run that is meant; without them batch axes count as `PROBE_BATCH` and other open axes as 1
 * @throws UserError in one sentence: which file, what is wrong, what would work
 */
export function preflight(bytes: Uint8Array, file: string, shapes: InputShapes = new Map()): Preflight {
  checkFileSize(bytes.length, file, 'the file');
  const graph = readGraph(bytes, file);
  const ops = countOps(graph, file);
  if (graph.inputs.size === 0) throw new UserError('encoder-refused', `${file} takes no inputs, so there is nothing to encode; export the encoder with its observations as inputs.`);
  if (graph.outputs.size === 0) throw new UserError('encoder-refused', `${file} gives no outputs, so there is no embedding; export the encoder with its embedding as an output.`);
  const order = sortNodes(graph, file);
  const weights = [...graph.weights.values()];
  const weightBytes = weights.reduce((sum, weight) => sum + weight.bytes, 0);
  if (weightBytes > MAX_WEIGHT_BYTES) throw tooLarge(file, 'its weights', MAX_WEIGHT_BYTES);
  const axes = new Map([...graph.inputs].map(([name, { shape }]) => [name, shapes.get(name) ?? probeShape(shape)]));
  const run = checkRunBytes(graph, order, axes, file);
  return {
    file,
    opset: graph.opset,
    inputs: graph.inputs,
    outputs: graph.outputs,
    ops,
    nodes: graph.nodes.length,
    parameters: weights.reduce((sum, { dtype, elements }) => sum + (isFloat(dtype) ? elements : 0), 0),
    weightBytes,
    runBytes: run.total,
    external: externalFiles(graph, file),
    warnings: [...ops.keys()].some(isRandom) ? [`${file} draws random numbers at every run, so the same frame has another embedding each time.`] : [],
  };
}

/** Outputs that can serve as embedding: floating point. @throws UserError when there is none */
export function embeddingOutputs({ file, outputs }: Pick<Preflight, 'file' | 'outputs'>): string[] {
  const found = [...outputs].flatMap(([name, { dtype }]) => (isFloat(dtype) ? [name] : []));
  if (found.length > 0) return found;
  const types = [...outputs].map(([name, { dtype }]) => `${quoted(name)} is ${dtype}`).join(', ');
  throw new UserError('encoder-no-float-output', `${file} has no floating-point output to take as embedding (${types}); export the encoder with its embedding as a float32 output.`);
}

/**
 * The bytes of every file of weights that an encoder needs, out of those that came along with it.
 *
 * @param available files by path relative to the model's folder, or by bare name (a drop of files has no folders)
 * @throws UserError naming what is missing or too short
 */
export function matchExternal<T extends { readonly size: number }>({ file, external }: Pick<Preflight, 'file' | 'external'>, available: ReadonlyMap<string, T>): Map<string, T> {
  const missing = external.filter(({ location }) => !find(available, location)).map(({ location }) => location);
  if (missing.length > 0) {
    const all = missing.slice(0, 3).map(shownPath).join(', ') + (missing.length > 3 ? ` and ${missing.length - 3} more` : '');
    throw new UserError('encoder-external-missing', `${file} keeps its weights in ${all}, which ${missing.length > 1 ? 'are' : 'is'} missing: drop ${missing.length > 1 ? 'all of them' : 'both'} together.`);
  }
  const matched = new Map<string, T>();
  for (const { location, bytes } of external) {
    const found = find(available, location);
    if (!found) continue;
    checkFileSize(found.size, file, `the file ${shownPath(location)} beside it`);
    if (found.size < bytes) throw new UserError('encoder-external-short', `${shownPath(location)} has ${found.size.toLocaleString('en')} bytes and ${file} needs ${bytes.toLocaleString('en')} of it: it is cut short, or belongs to another model. Copy or export both again.`);
    matched.set(location, found);
  }
  return matched;
}

function find<T>(available: ReadonlyMap<string, T>, location: string): T | undefined {
  return available.get(location) ?? available.get(location.split('/').at(-1)!);
}

/** A path as a sentence begins or ends with it; quotes only where the text alone would mislead. */
export function shownPath(location: string): string {
  return /^[\w./-]{1,60}$/.test(location) ? location : quoted(location);
}

/** @throws UserError `encoder-too-large` for a file, called `what`, that is not to be read at all */
export function checkFileSize(bytes: number, file: string, what: string): void {
  if (bytes > MAX_MODEL_BYTES) throw tooLarge(file, what, MAX_MODEL_BYTES);
}

function tooLarge(file: string, what: string, cap: number): UserError {
  return new UserError('encoder-too-large', `${file} is too large: ${what} ${what.endsWith('s') ? 'have' : 'has'} more than the ${cap / 2 ** 20} MB allowed here; export a smaller encoder, or one in float16.`);
}

function probeShape(shape: readonly Axis[] | null): (number | null)[] | null {
  return shape?.map((axis, k) => (typeof axis === 'number' ? axis : k === 0 ? PROBE_BATCH : null)) ?? null;
}

function countOps({ nodes }: Graph, file: string): Map<string, number> {
  const ops = new Map<string, number>();
  for (const { op, domain, attributes } of nodes) {
    const refusal = refusalOf(domain, op, quoted);
    if (['LSTM', 'GRU', 'RNN'].includes(op) && attributes.get('layout')?.i === 1n) throw new UserError('encoder-op', `${file} uses the operator ${op} with the batch axis first (layout 1), which ONNX Runtime does not have; export it with layout 0 and a Transpose, as torch.onnx.export does.`);
    if (refusal) throw new UserError('encoder-op', `${file} ${refusal}`);
    const label = opLabel(domain, op);
    ops.set(label, (ops.get(label) ?? 0) + 1);
  }
  return ops;
}

function externalFiles({ weights }: Graph, file: string): ExternalFile[] {
  const needs = new Map<string, number>();
  for (const [name, { external, bytes }] of weights) {
    if (!external) continue;
    if (external.length !== null && external.length !== bytes) throw new UserError('encoder-refused', `${file} takes ${external.length.toLocaleString('en')} bytes of ${shownPath(external.location)} for the weight ${quoted(name)}, which has ${bytes.toLocaleString('en')}; export the encoder again.`);
    needs.set(external.location, Math.max(needs.get(external.location) ?? 0, external.offset + bytes));
  }
  return [...needs].map(([location, bytes]) => ({ location, bytes }));
}

/** Nodes, each after those that it reads from. @throws UserError on a cycle or a name that nothing makes */
export function sortNodes({ nodes, inputs, weights, outputs }: Graph, file: string): GraphNode[] {
  const made = new Set([...inputs.keys(), ...weights.keys()]);
  const maker = new Map<string, number>();
  for (const [k, node] of nodes.entries()) {
    for (const name of node.outputs) {
      if (name === '') continue;
      if (made.has(name)) throw new UserError('encoder-damaged', `${file} makes ${quoted(name)} twice, so it is damaged; export the encoder again.`);
      made.add(name);
      maker.set(name, k);
    }
  }
  const wanted = [...nodes.flatMap((node) => node.inputs), ...outputs.keys()].find((name) => name !== '' && !made.has(name));
  if (wanted !== undefined) throw new UserError('encoder-damaged', `${file} reads ${quoted(wanted)}, which nothing in it makes, so it is damaged; export the encoder again.`);
  // Kahn's algorithm; the order of the file is kept where it can be.
  const readers: number[][] = nodes.map(() => []);
  const waits = nodes.map(({ inputs: read }, k) => {
    const sources = new Set(read.flatMap((name) => maker.get(name) ?? []));
    for (const source of sources) readers[source]!.push(k);
    return sources.size;
  });
  const ready = waits.flatMap((count, k) => (count === 0 ? [k] : []));
  const order: GraphNode[] = [];
  for (const k of ready) {
    order.push(nodes[k]!);
    for (const reader of readers[k]!) if (--waits[reader]! === 0) ready.push(reader);
  }
  const stuck = nodes.find((_, k) => waits[k]! > 0);
  if (stuck) throw new UserError('encoder-cyclic', `${file} goes in a circle: the operator ${quoted(stuck.op)} waits for its own result. The file is damaged; export the encoder again.`);
  return order;
}
