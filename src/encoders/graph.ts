import { fromBinary } from '@bufbuild/protobuf';
import type { AttributeProto, ModelProto, NodeProto, TensorProto, ValueInfoProto } from 'onnx-buf';
import { AttributeProto_AttributeType as AttributeType, ModelProtoSchema, TensorProto_DataLocation as DataLocation } from 'onnx-buf';
import { UserError } from '../base/errors.ts';
import type { DType } from './dtypes.ts';
import { typeName, typeOf } from './dtypes.ts';
import { MAX_NODES, MAX_PORTS, MAX_RANK, MAX_SHOWN } from './limits.ts';
import { checkWire } from './wire.ts';

/** An axis: its size, its name when it is symbolic, null when the file leaves it open. */
export type Axis = number | string | null;

/** An input or output of an encoder. `shape` is null when the file does not even give the number of axes. */
export interface Port {
  readonly dtype: DType;
  readonly shape: readonly Axis[] | null;
}

/** Where a weight lies outside the model file. `length` is null when the file leaves it to the tensor's size. */
export interface External {
  readonly location: string;
  readonly offset: number;
  readonly length: number | null;
}

/** A constant tensor: an initialiser, or the value of a Constant node. */
export interface Weight {
  readonly dtype: DType;
  readonly dims: readonly number[];
  readonly elements: number;
  readonly bytes: number;
  readonly external: External | null;
  /** Its elements where it is a short int64, int32 or float32 tensor (a shape, axes, pads, scales), else null. */
  readonly values: readonly number[] | null;
}

export interface GraphNode {
  /** '' where the file gives none. */
  readonly name: string;
  readonly op: string;
  readonly domain: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  /** As parsed; tensors in them have been checked. */
  readonly attributes: ReadonlyMap<string, AttributeProto>;
  /** The tensor of a Constant or ConstantOfShape node. */
  readonly tensor: Weight | null;
}

/** An ONNX graph whose parts have been checked one by one, before what they mean together is. Names are Map keys. */
export interface Graph {
  readonly opset: number;
  readonly inputs: ReadonlyMap<string, Port>;
  readonly outputs: ReadonlyMap<string, Port>;
  readonly weights: ReadonlyMap<string, Weight>;
  readonly nodes: readonly GraphNode[];
}

/** Longest tensor whose elements are followed for shapes. */
export const MAX_VALUES = 1024;

/** A name out of a file, in quotes and cut, for a sentence. */
export function quoted(name: string): string {
  // Control characters would break the line that the sentence is.
  const clean = name.replaceAll(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, '�');
  return `“${clean.length > MAX_SHOWN ? `${clean.slice(0, MAX_SHOWN)}…` : clean}”`;
}

/**
 * Parse an ONNX file and check its parts.
 *
 * @param file its name, for the sentences
 * @throws UserError when the bytes are damaged or the file holds what encoders may not
 */
export function readGraph(bytes: Uint8Array, file: string): Graph {
  checkWire(bytes, file);
  const model = parse(bytes, file);
  const { graph } = model;
  if (!graph) throw refuse(file, 'has no graph in it; export the encoder with torch.onnx.export.');
  if (model.functions.length > 0) throw refuse(file, `defines functions of its own (${quoted(model.functions[0]!.name)}), which are not run here; export the encoder with the legacy exporter (dynamo=False) or inline them.`);
  if (model.trainingInfo.length > 0) throw refuse(file, 'carries a training graph; export the encoder for inference.');
  if (graph.sparseInitializer.length > 0) throw refuse(file, 'keeps weights as sparse tensors, which are not read here; export them dense.');
  if (graph.node.length === 0) throw refuse(file, 'has a graph without operators; export the encoder again.');
  if (graph.node.length > MAX_NODES) throw refuse(file, `has ${graph.node.length.toLocaleString('en')} operators, more than the ${MAX_NODES.toLocaleString('en')} allowed here; export the encoder alone, not the whole policy.`);
  const weights = new Map<string, Weight>();
  for (const tensor of graph.initializer) {
    if (weights.has(tensor.name)) throw refuse(file, `has two weights called ${quoted(tensor.name)}; export the encoder again.`);
    weights.set(safeName(tensor.name, 'a weight', file), readWeight(tensor, `the weight ${quoted(tensor.name)}`, file));
  }
  return {
    opset: opsetOf(model, file),
    // Files up to IR version 3 list every weight among the inputs.
    inputs: ports(graph.input.filter(({ name }) => !weights.has(name)), 'input', file),
    outputs: ports(graph.output, 'output', file),
    weights,
    nodes: graph.node.map((node) => readNode(node, file)),
  };
}

function refuse(file: string, rest: string): UserError {
  return new UserError('encoder-refused', `${file} ${rest}`);
}

function parse(bytes: Uint8Array, file: string): ModelProto {
  try {
    return fromBinary(ModelProtoSchema, bytes, { readUnknownFields: false });
  } catch (error) {
    // The walk above knows lengths; texts that are no UTF-8 and numbers out of range come out here.
    const why = error instanceof Error ? (error.message.split('\n')[0] ?? '').replace(/\.$/, '') : 'unreadable';
    throw new UserError('encoder-damaged', `${file} is not an ONNX model, or it is damaged: ${why}. Copy or export it again.`);
  }
}

function opsetOf(model: ModelProto, file: string): number {
  const standard = model.opsetImport.find(({ domain }) => domain === '' || domain === 'ai.onnx');
  if (!standard) throw refuse(file, 'does not say which version of the ONNX operators it uses; export the encoder again, with opset 17.');
  const version = Number(standard.version);
  if (version < 7 || version > 25) throw refuse(file, `uses version ${standard.version} of the ONNX operators, and 7 to 25 are run here; export the encoder with opset 17.`);
  return version;
}

function ports(values: readonly ValueInfoProto[], kind: 'input' | 'output', file: string): Map<string, Port> {
  const found = new Map<string, Port>();
  for (const { name, type } of values) {
    const what = `${kind} ${quoted(name)}`;
    if (found.has(name)) throw refuse(file, `has two ${kind}s called ${quoted(name)}; export the encoder again.`);
    if (type?.value.case !== 'tensorType') throw refuse(file, `has the ${what} of kind ${type?.value.case ?? 'unknown'}, and only plain tensors can be fed and read here; export the encoder with tensor inputs and outputs.`);
    const { elemType, shape } = type.value.value;
    const known = typeOf(elemType);
    if (!known) throw refuse(file, `has the ${what} of type ${typeName(elemType)}, which is not supported here; export it as float32.`);
    const axes = shape ? shape.dim.map(({ value }) => axisOf(value, what, file)) : null;
    if (axes && axes.length > MAX_RANK) throw refuse(file, `has the ${what} with ${axes.length} axes, more than the ${MAX_RANK} allowed here.`);
    found.set(safeName(name, `an ${kind}`, file), { dtype: known.dtype, shape: axes });
  }
  return found;
}

function axisOf(value: { case: string | undefined; value?: unknown }, what: string, file: string): Axis {
  if (value.case === 'dimValue') {
    const size = Number(value.value);
    if (size < 0 || !Number.isSafeInteger(size)) throw refuse(file, `has the ${what} with an axis of size ${String(value.value)}; export the encoder again.`);
    return size;
  }
  return value.case === 'dimParam' && value.value !== '' ? String(value.value) : null;
}

/** ONNX Runtime keeps what goes in and comes out in plain objects, where this one name is not a key. */
function safeName(name: string, what: string, file: string): string {
  if (name === '') throw refuse(file, `has ${what} without a name; export the encoder again.`);
  if (name === '__proto__') throw refuse(file, `has ${what} called “__proto__”, which cannot be fed or read here; give it another name and export the encoder again.`);
  return name;
}

function readNode(node: NodeProto, file: string): GraphNode {
  const attributes = new Map<string, AttributeProto>();
  let tensor: Weight | null = null;
  if (Math.max(node.input.length, node.output.length) > MAX_PORTS) throw refuse(file, `has an operator with more than ${MAX_PORTS.toLocaleString('en')} inputs or outputs, which no encoder has; export the encoder again.`);
  const what = `the operator ${quoted(node.opType)}`;
  for (const attribute of node.attribute) {
    const { type } = attribute;
    if (attribute.g || attribute.graphs.length > 0 || type === AttributeType.GRAPH || type === AttributeType.GRAPHS) {
      throw refuse(file, `nests a graph inside ${what}, and graphs with control flow are not run here; export the encoder by tracing, so that loops and branches are written out.`);
    }
    if (attribute.sparseTensor || attribute.sparseTensors.length > 0) throw refuse(file, `gives ${what} a sparse tensor, which is not read here; export the encoder with dense constants.`);
    for (const inner of [...(attribute.t ? [attribute.t] : []), ...attribute.tensors]) {
      tensor = readWeight(inner, `the constant ${quoted(node.output[0] ?? '')}`, file);
      if (tensor.external) throw refuse(file, `keeps a constant inside ${what} in another file, which is not read here; save the model with its weights as initialisers.`);
    }
    attributes.set(attribute.name, attribute);
  }
  return { name: node.name, op: node.opType, domain: node.domain, inputs: node.input, outputs: node.output, attributes, tensor };
}

function readWeight(tensor: TensorProto, what: string, file: string): Weight {
  const known = typeOf(tensor.dataType);
  if (!known) throw refuse(file, `has ${what} of type ${typeName(tensor.dataType)}, which is not supported here; export it as float32.`);
  if (tensor.dims.length > MAX_RANK) throw refuse(file, `has ${what} with ${tensor.dims.length} axes, more than the ${MAX_RANK} allowed here.`);
  if (tensor.segment) throw refuse(file, `stores ${what} in segments, which are not read here; export the encoder again.`);
  const dims = tensor.dims.map(Number);
  const elements = dims.reduce((product, size) => product * size, 1);
  if (dims.some((size) => size < 0) || !Number.isSafeInteger(elements * known.bytes)) throw refuse(file, `has ${what} of the impossible shape ${dims.join(' × ')}; export the encoder again.`);
  const bytes = elements * known.bytes;
  if (tensor.dataLocation === DataLocation.EXTERNAL || tensor.externalData.length > 0) {
    return { dtype: known.dtype, dims, elements, bytes, external: readExternal(tensor, what, file), values: null };
  }
  const stored = tensor.rawData.length > 0 ? tensor.rawData.length : typedLength(tensor) * known.bytes;
  if (stored !== bytes) throw refuse(file, `declares ${bytes.toLocaleString('en')} bytes for ${what} and holds ${stored.toLocaleString('en')}; the file is damaged or cut short, copy or export it again.`);
  return { dtype: known.dtype, dims, elements, bytes, external: null, values: valuesOf(tensor, known.dtype, elements) };
}

/** Entries of whichever typed field holds a tensor that has no raw bytes. */
function typedLength(tensor: TensorProto): number {
  return Math.max(tensor.floatData.length, tensor.int32Data.length, tensor.int64Data.length, tensor.doubleData.length, tensor.uint64Data.length);
}

function valuesOf(tensor: TensorProto, dtype: DType, elements: number): number[] | null {
  if (elements > MAX_VALUES) return null;
  const { rawData } = tensor;
  const view = new DataView(rawData.buffer, rawData.byteOffset, rawData.byteLength);
  const stored = rawData.length === 0;
  if (dtype === 'int64') return stored ? tensor.int64Data.map(Number) : Array.from({ length: elements }, (_, k) => Number(view.getBigInt64(8 * k, true)));
  if (dtype === 'int32') return stored ? tensor.int32Data : Array.from({ length: elements }, (_, k) => view.getInt32(4 * k, true));
  if (dtype === 'float32') return stored ? tensor.floatData : Array.from({ length: elements }, (_, k) => view.getFloat32(4 * k, true));
  return null;
}

function readExternal(tensor: TensorProto, what: string, file: string): External {
  const entries = new Map(tensor.externalData.map(({ key, value }) => [key, value]));
  const location = entries.get('location') ?? '';
  if (location === '') throw refuse(file, `keeps ${what} in another file and does not say which; export the encoder again.`);
  const parts = location.split(/[/\\]/);
  // Nothing that climbs, starts at a root or names a drive or a scheme. Of the signs that no file name has, the asterisk
  // matters: ONNX Runtime takes the location "*/_ORT_MEM_ADDR_/*" for an address in its memory.
  if (parts.includes('..') || parts[0] === '' || /^[a-z]+:|[*?<>|"\p{Cc}]/iu.test(location)) {
    throw new UserError('encoder-external-path', `${file} asks for its weights at ${quoted(location)}, outside its own folder, where nothing is read; save the weights beside the model.`);
  }
  const number = (key: string): number | null => {
    const text = entries.get(key);
    if (text === undefined) return null;
    if (!/^\d{1,15}$/.test(text)) throw refuse(file, `gives ${quoted(text)} as the ${key} of ${what} in ${quoted(location)}; export the encoder again.`);
    return Number(text);
  };
  return { location: parts.filter((part) => part !== '.').join('/'), offset: number('offset') ?? 0, length: number('length') };
}
