import { assert } from '../../base/assert.ts';
import { UserError } from '../../base/errors.ts';
import type { DType } from '../dtypes.ts';
import { isFloat, toNumbers } from '../dtypes.ts';
import { quoted } from '../graph.ts';
import type { OrtOptions } from '../ort.ts';
import type { EncoderFile } from '../session.ts';
import { attributesOf } from './attributes.ts';
import { lower } from './lower.ts';
import type { Probe } from './probe.ts';
import { probe } from './probe.ts';
import type { Parameter, Source, Ties } from './source.ts';
import { Untrainable, noParameters, readSource } from './source.ts';
import { pair } from './split.ts';
import { Scope, Tape, computedAs, sameDims } from './tape.ts';
import { reverse } from './vjp.ts';

export interface DifferentiateOptions extends Pick<OrtOptions, 'watch'> {
  /** Of every input, the batch first: both graphs are made for these sizes and no others. */
  readonly shapes: ReadonlyMap<string, readonly number[]>;
  /** Outputs that losses are taken of; all of floating point unless given. */
  readonly outputs?: readonly string[];
  /**
   * Parameters that are trained; all that have axes unless given. The others stay inputs of the graphs and get no
   * gradient, but for those without axes, which are constants.
   */
  readonly train?: readonly string[];
  /** Inputs whose gradients are wanted as well. */
  readonly inputGradients?: readonly string[];
  readonly ties?: Ties;
}

/** A tensor at the border of the graphs. */
export interface Border {
  readonly name: string;
  readonly dtype: DType;
  readonly dims: readonly number[];
}

/** An output of the encoder: a result of the forward graph, and what the backward graph takes for it. */
export interface DifferentiatedOutput extends Border {
  /** The backward graph's input for ∂L/∂output, float32 of the output's shape. */
  readonly gradient: string;
}

/** A parameter: an input of both graphs under its name, where they need it. */
export interface DifferentiatedWeight extends Parameter {
  /** The backward graph's result; null for what is not trained or does not reach the chosen outputs. */
  readonly gradient: string | null;
  /** The elements in the file, a copy at every call. */
  read(): Float32Array<ArrayBuffer>;
}

/**
 * An encoder as two ONNX files that ONNX Runtime runs, both in float32 and for one batch size:
 *
 * forward: inputs, weights → outputs, saved
 * backward: inputs, ∂L/∂outputs, weights, saved → ∂L/∂weights, ∂L/∂inputs where asked for
 */
export interface Differentiated {
  readonly forward: Uint8Array<ArrayBuffer>;
  readonly backward: Uint8Array<ArrayBuffer>;
  /** Exactly what each graph is to be fed, by name: of the inputs, the weights, the forward results and the gradients. */
  readonly forwardInputs: readonly string[];
  readonly backwardInputs: readonly string[];
  readonly inputs: readonly Border[];
  readonly outputs: readonly DifferentiatedOutput[];
  readonly weights: readonly DifferentiatedWeight[];
  /** Results of the forward graph beside its outputs that the backward graph takes. */
  readonly saved: readonly Border[];
  readonly inputGradients: readonly { readonly input: string; readonly gradient: string; readonly dims: readonly number[] }[];
  /** Operators of each graph. */
  readonly steps: { readonly forward: number; readonly backward: number };
}

/**
 * Differentiate an encoder: the sums over the batch of ∂L/∂w for every trained weight w, from ∂L/∂outputs.
 *
 * The file is run once on the wasm provider for its shapes; another batch size needs another call.
 *
 * @throws UserError `encoder-untrainable` (also an `Untrainable`, with operator and node) when there is no gradient,
 * `encoder-parameter` for a name that is no parameter, `encoder-batch` and `encoder-shape` for shapes that do not fit,
 * and what ONNX Runtime says of the file
 */
export async function differentiate(encoder: EncoderFile, { shapes, outputs, train, inputGradients = [], ties, ...runtime }: DifferentiateOptions): Promise<Differentiated> {
  const { bytes, external, preflight } = encoder;
  const source = readSource(bytes, preflight.file, { outputs, ties, external, numbers: (name) => train?.includes(name) ?? false });
  const trained = chosen(source, train, inputGradients);
  const probed = await probe(encoder, shapes, (name) => source.isConstant(name), source.outputs, runtime);
  const scope = new Scope(source.names);
  const forward = new Tape(scope, 'f');
  const results = lowerAll(source, probed, shapes, forward);
  const backward = new Tape(scope, 'b');
  const seeds = source.outputs.map((name) => ({ name, tensor: results(name), gradient: scope.declare(scope.fresh(`d ${name}`), scope.tensor(results(name))) }));
  const gradients = sweep(forward, backward, seeds, new Set([...trained, ...inputGradients]));
  return pair({ source, forward, backward, outputs: seeds, trained, inputGradients, gradients });
}

function chosen({ file, parameters, inputs }: Source, train: readonly string[] | undefined, inputGradients: readonly string[]): ReadonlySet<string> {
  const names = new Set(parameters.map(({ name }) => name));
  const wrong = train?.find((name) => !names.has(name));
  if (wrong !== undefined) throw new UserError('encoder-parameter', `${file} has no parameter ${quoted(wrong)} on the way to its outputs; it has ${[...names].slice(0, 8).map(quoted).join(', ')}${names.size > 8 ? ` and ${names.size - 8} more` : ''}.`);
  for (const name of inputGradients) {
    const port = inputs.get(name);
    if (!port || !isFloat(port.dtype)) throw new UserError('encoder-input', `${file} has no floating-point input ${quoted(name)} to take a gradient of; it has ${[...inputs.keys()].map(quoted).join(', ')}.`);
  }
  const trained = train ? new Set(train) : names;
  if (trained.size === 0 && inputGradients.length === 0) throw names.size === 0 ? noParameters(file) : new UserError('encoder-parameter', `${file} is frozen as a whole: none of its ${names.size} parameters is chosen to train; choose one.`);
  return trained;
}

/** Put the nodes of a file on the forward tape; gives where on it a tensor of the file is. */
function lowerAll(source: Source, probed: Probe, shapes: ReadonlyMap<string, readonly number[]>, tape: Tape): (name: string) => string {
  const { scope } = tape;
  const places = new Map<string, string>();
  for (const [name, { dtype }] of source.inputs) places.set(name, scope.declare(name, { dtype: computedAs(dtype), dims: shapes.get(name)! }));
  for (const { name, dims } of source.parameters) places.set(name, scope.declare(name, { dtype: 'float32', dims }));
  const place = (name: string): string => {
    const known = places.get(source.parameter(name) ?? name);
    if (known !== undefined) return known;
    assert(source.isConstant(name), `${name} is made before it is read`);
    const made = constantOf(name, source, probed, scope);
    places.set(name, made);
    return made;
  };
  for (const node of source.nodes) {
    const refuse = (why: string): never => {
      throw new Untrainable(source.file, node, why);
    };
    const results = node.outputs.map((name) => probed.tensors.get(name) ?? null);
    const made = lower({ tape, opset: source.opset, node, attributes: attributesOf(node), inputs: node.inputs.map((name) => (name === '' ? null : place(name))), results, refuse });
    for (const [k, result] of made.entries()) {
      assert(sameDims(tape.dims(result), results[k]!.dims), `${node.op} gives (${results[k]!.dims.join()}), not (${tape.dims(result).join()})`);
      places.set(node.outputs[k]!, result);
    }
  }
  return place;
}

function constantOf(name: string, source: Source, { tensors, data }: Probe, scope: Scope): string {
  const initialiser = source.initialiser(name);
  if (initialiser !== null) return scope.constant(source.read(initialiser));
  const { dtype, dims } = tensors.get(name)!;
  const elements = data(name);
  return scope.constant(isFloat(dtype) && dtype !== 'float32' ? { dtype: 'float32', dims, data: Float32Array.from(toNumbers(dtype, elements)) } : { dtype, dims, data: elements });
}

/**
 * Walk the forward tape backwards from the outputs' gradients, towards the `wanted` tensors alone.
 *
 * @returns the gradient of every tensor that has one, by name
 */
function sweep(forward: Tape, backward: Tape, seeds: readonly { readonly tensor: string; readonly gradient: string }[], wanted: ReadonlySet<string>): ReadonlyMap<string, string> {
  const { scope } = forward;
  const live = new Set(wanted);
  // No gradient goes through what is no float: masks and indices.
  for (const { inputs, output } of forward.steps) if (scope.tensor(output).dtype === 'float32' && inputs.some((name) => live.has(name))) live.add(output);
  const gradients = new Map<string, string>();
  const accumulate = (name: string, gradient: string): void => {
    const before = gradients.get(name);
    gradients.set(name, before === undefined ? gradient : backward.add(before, gradient));
  };
  for (const { tensor, gradient } of seeds) if (live.has(tensor)) accumulate(tensor, gradient);
  // Rules may add to the forward tape; what they add is no way of a gradient.
  for (const step of [...forward.steps].toReversed()) {
    const dy = gradients.get(step.output);
    if (dy === undefined) continue;
    const needs = step.inputs.map((name) => live.has(name));
    for (const [k, gradient] of reverse({ tape: backward, forward, step, dy, needs }).entries()) {
      if (gradient === null || !needs[k]) continue;
      assert(sameDims(backward.dims(gradient), forward.dims(step.inputs[k]!)), `the gradient of ${step.op}, input ${k}, has the shape (${backward.dims(gradient).join()})`);
      accumulate(step.inputs[k]!, gradient);
    }
  }
  return gradients;
}
