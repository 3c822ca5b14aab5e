import { clone, create, fromBinary, toBinary } from '@bufbuild/protobuf';
import type { ModelProto, NodeProto, ValueInfoProto } from 'onnx-buf';
import { GraphProtoSchema, ModelProtoSchema, TypeProto_TensorSchema, TypeProtoSchema, ValueInfoProtoSchema } from 'onnx-buf';
import { assert } from '../../base/assert.ts';
import { port } from '../build.ts';
import type { GraphNode } from '../graph.ts';
import { readGraph } from '../graph.ts';
import { isRandom } from '../ops.ts';
import { preflight, sortNodes } from '../preflight.ts';
import type { EncoderFile } from '../session.ts';
import { isOfShapes } from './operators.ts';

/** An encoder cut in two: what no trained weight reaches, whose results stay the same for a frame, and the rest. */
export interface FrozenSplit {
  /** Gives the cuts from the encoder's own inputs. */
  readonly prefix: EncoderFile;
  /** Tensors that both parts share. The split is of use where all are float32, rows first (`frozenInputs`). */
  readonly cuts: readonly string[];
  /** The rest: takes the cuts in place of the inputs. @param shapes of one row of each cut */
  suffix(shapes: ReadonlyMap<string, readonly number[]>): EncoderFile;
}

/**
 * Cut an encoder where its trained weights begin, so that what comes before is computed once for a frame and not at
 * every step.
 *
 * @param train names of the initialisers that are trained
 * @param outputs that losses are taken of
 * @returns null where nothing is frozen before them, where an output depends on no trained weight, or where what is
 * frozen draws random numbers
 */
export function splitFrozen({ bytes, external, preflight: { file } }: EncoderFile, train: readonly string[], outputs: readonly string[]): FrozenSplit | null {
  const graph = readGraph(bytes, file);
  const sorted = sortNodes(graph, file);
  const live = new Set(train);
  const fed = new Set(graph.inputs.keys());
  for (const { inputs, outputs: results } of sorted)
    for (const set of [live, fed]) if (inputs.some((name) => set.has(name))) for (const name of results) set.add(name);
  if (outputs.some((name) => !live.has(name))) return null;
  const alongside = ofShapes(sorted, fed);
  const isFrozen = (name: string): boolean => fed.has(name) && !live.has(name) && !alongside.has(name);
  const rest = new Set<string>();
  const cuts = new Set<string>();
  collect(outputs, rest, (name) => {
    if (isFrozen(name)) cuts.add(name);
    return !isFrozen(name);
  });
  // Where only inputs are cut there is nothing to compute before.
  if ([...cuts].every((name) => graph.inputs.has(name))) return null;
  const before = new Set<string>();
  collect([...cuts], before, () => true);
  if (sorted.some((node) => isRandom(node.op) && node.outputs.some((name) => before.has(name)))) return null;
  const model = fromBinary(ModelProtoSchema, bytes);
  const build = (needed: ReadonlySet<string>, inputs: readonly ValueInfoProto[], results: readonly ValueInfoProto[]): EncoderFile => {
    const part = partOf(model, needed, inputs, results);
    return { bytes: part, preflight: preflight(part, file), ...(external ? { external } : {}) };
  };
  const own = (names: ReadonlySet<string>): ValueInfoProto[] => model.graph!.input.filter(({ name }) => names.has(name) && graph.inputs.has(name));
  return {
    // What type a cut has only the runtime knows; the examination wants one said.
    prefix: { ...build(before, own(before), [...cuts].map(openPort)), bytes: partOf(model, before, own(before), [...cuts].map((name) => create(ValueInfoProtoSchema, { name }))) },
    cuts: [...cuts],
    suffix: (shapes) => build(rest, [...cuts].map((name) => port(name, shapes.get(name)!)), model.graph!.output.filter(({ name }) => outputs.includes(name))),
  };

  /** Names of what `wanted` is made from, themselves included, as far as `enter` lets. */
  function collect(wanted: readonly string[], into: Set<string>, enter: (name: string) => boolean): void {
    const maker = new Map(sorted.flatMap((node) => node.outputs.map((name) => [name, node] as const)));
    const open = [...wanted];
    for (let name = open.pop(); name !== undefined; name = open.pop()) {
      if (name === '' || into.has(name) || !enter(name)) continue;
      into.add(name);
      open.push(...(maker.get(name)?.inputs ?? []));
    }
  }
}

/** A float32 tensor of which nothing else is known. */
function openPort(name: string): ValueInfoProto {
  return create(ValueInfoProtoSchema, { name, type: create(TypeProtoSchema, { value: { case: 'tensorType', value: create(TypeProto_TensorSchema, { elemType: 1 }) } }) });
}

/** Tensors that hang on shapes alone. They have no rows, so what they are the shapes of is cut in their place. */
function ofShapes(sorted: readonly GraphNode[], fed: ReadonlySet<string>): ReadonlySet<string> {
  const found = new Set<string>();
  for (const { op, inputs, outputs } of sorted) {
    const from = inputs.filter((name) => fed.has(name));
    if (isOfShapes(op) || (from.length > 0 && from.every((name) => found.has(name)))) for (const name of outputs) found.add(name);
  }
  return found;
}

function partOf(model: ModelProto, needed: ReadonlySet<string>, input: readonly ValueInfoProto[], output: readonly ValueInfoProto[]): Uint8Array {
  const { graph } = model;
  assert(graph, 'a model that was read before has a graph');
  const given = new Set(input.map(({ name }) => name));
  const made = (node: NodeProto): boolean => node.output.some((name) => needed.has(name) && !given.has(name));
  return toBinary(ModelProtoSchema, {
    ...clone(ModelProtoSchema, create(ModelProtoSchema, { irVersion: model.irVersion, producerName: model.producerName, opsetImport: model.opsetImport })),
    graph: create(GraphProtoSchema, { name: graph.name, input: [...input], output: [...output], node: graph.node.filter(made), initializer: graph.initializer.filter(({ name }) => needed.has(name)) }),
  });
}
