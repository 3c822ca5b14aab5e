import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import type { AttributeProto, GraphProto, NodeProto, TensorProto, ValueInfoProto } from 'onnx-buf';
import {
  AttributeProto_AttributeType as AttributeType,
  AttributeProtoSchema,
  GraphProtoSchema,
  ModelProtoSchema,
  NodeProtoSchema,
  OperatorSetIdProtoSchema,
  TensorProto_DataLocation as DataLocation,
  TensorProtoSchema,
  TensorShapeProto_DimensionSchema,
  TensorShapeProtoSchema,
  TypeProto_TensorSchema,
  TypeProtoSchema,
  ValueInfoProtoSchema,
} from 'onnx-buf';
import type { DType } from '../../src/encoders/dtypes.ts';
import { typeOf } from '../../src/encoders/dtypes.ts';

const ROOT = resolve(import.meta.dirname, '../..');

/** Real encoders and ONNX's own conformance nodes; none of them may be committed. */
export const ONNX_FILES = join(resolve(ROOT, process.env['OT_SHARED'] ?? '../shared'), 'data/onnx');
export const hasOnnxFiles = existsSync(ONNX_FILES);

export interface ModelOptions {
  readonly inputs?: readonly ValueInfoProto[];
  readonly outputs?: readonly ValueInfoProto[];
  readonly nodes: readonly NodeProto[];
  readonly weights?: readonly TensorProto[];
  readonly opset?: number;
}

/** A model of one float32 input “x” (batch, 4) and one output “y”, unless told otherwise. */
export function onnxModel({ inputs = [port('x', ['batch', 4])], outputs = [port('y', ['batch', 4])], nodes, weights = [], opset = 17 }: ModelOptions): Uint8Array {
  const graph = create(GraphProtoSchema, { name: 'g', input: [...inputs], output: [...outputs], node: [...nodes], initializer: [...weights] });
  return toBinary(ModelProtoSchema, create(ModelProtoSchema, { irVersion: 8n, opsetImport: [create(OperatorSetIdProtoSchema, { version: BigInt(opset) }), create(OperatorSetIdProtoSchema, { domain: 'com.microsoft', version: 1n })], graph }));
}

export function port(name: string, axes: readonly (number | string)[] | null, type = 1): ValueInfoProto {
  const dim = axes?.map((axis) => create(TensorShapeProto_DimensionSchema, { value: typeof axis === 'number' ? { case: 'dimValue', value: BigInt(axis) } : { case: 'dimParam', value: axis } }));
  const value = create(TypeProto_TensorSchema, { elemType: type, ...(dim ? { shape: create(TensorShapeProtoSchema, { dim }) } : {}) });
  return create(ValueInfoProtoSchema, { name, type: create(TypeProtoSchema, { value: { case: 'tensorType', value } }) });
}

export function node(opType: string, input: string[], output: string[], attribute: AttributeProto[] = [], domain = ''): NodeProto {
  return create(NodeProtoSchema, { opType, input, output, attribute, domain });
}

export function ints(name: string, values: readonly number[]): AttributeProto {
  return create(AttributeProtoSchema, { name, type: AttributeType.INTS, ints: values.map(BigInt) });
}

export function int(name: string, value: number): AttributeProto {
  return create(AttributeProtoSchema, { name, type: AttributeType.INT, i: BigInt(value) });
}

export function text(name: string, value: string): AttributeProto {
  return create(AttributeProtoSchema, { name, type: AttributeType.STRING, s: new TextEncoder().encode(value) });
}

export function constant(name: string, t: TensorProto): AttributeProto {
  return create(AttributeProtoSchema, { name, type: AttributeType.TENSOR, t });
}

export function subgraph(name: string): AttributeProto {
  const g: GraphProto = create(GraphProtoSchema, { name: 'body', node: [node('Identity', ['a'], ['b'])], input: [port('a', [])], output: [port('b', [])] });
  return create(AttributeProtoSchema, { name, type: AttributeType.GRAPH, g });
}

export function longs(name: string, values: readonly number[]): TensorProto {
  return create(TensorProtoSchema, { name, dataType: 7, dims: [BigInt(values.length)], int64Data: values.map(BigInt) });
}

export function floats(name: string, dims: readonly number[], values: readonly number[]): TensorProto {
  return create(TensorProtoSchema, { name, dataType: 1, dims: dims.map(BigInt), floatData: [...values] });
}

/** A float32 weight of (4, 4) in another file. */
export function outside(name: string, entries: Record<string, string>): TensorProto {
  return create(TensorProtoSchema, { name, dataType: 1, dims: [4n, 4n], dataLocation: DataLocation.EXTERNAL, externalData: Object.entries(entries).map(([key, value]) => ({ key, value })) });
}

export interface TestTensor {
  readonly name: string;
  readonly dtype: DType;
  readonly dims: readonly number[];
  readonly values: number[];
}

/** A tensor file of ONNX's test data. */
export function readTensor(bytes: Uint8Array): TestTensor {
  const tensor = fromBinary(TensorProtoSchema, bytes);
  const { dtype } = typeOf(tensor.dataType)!;
  const dims = tensor.dims.map(Number);
  return { name: tensor.name, dtype, dims, values: tensor.rawData.length > 0 ? rawValues(dtype, tensor.rawData) : [...tensor.floatData, ...tensor.int32Data, ...tensor.int64Data, ...tensor.doubleData].map(Number) };
}

function rawValues(dtype: DType, raw: Uint8Array): number[] {
  const view = new DataView(raw.buffer, raw.byteOffset, raw.byteLength);
  const readers: Partial<Record<DType, [number, (at: number) => number]>> = {
    float32: [4, (at) => view.getFloat32(at, true)],
    float64: [8, (at) => view.getFloat64(at, true)],
    float16: [2, (at) => halfByHand(view.getUint16(at, true))],
    int64: [8, (at) => Number(view.getBigInt64(at, true))],
    int32: [4, (at) => view.getInt32(at, true)],
    uint8: [1, (at) => view.getUint8(at)],
    bool: [1, (at) => view.getUint8(at)],
  };
  const [size, read] = readers[dtype] ?? [0, () => Number.NaN];
  if (size === 0) throw new Error(`test data of type ${dtype}`);
  return Array.from({ length: raw.length / size }, (_, k) => read(k * size));
}

/** Another way to the same numbers than the one under test: through the bits of a float32. */
function halfByHand(bits: number): number {
  const word = new DataView(new ArrayBuffer(4));
  const [exponent, fraction] = [(bits >>> 10) & 31, bits & 1023];
  if (exponent === 0) return (bits & 0x8000 ? -1 : 1) * fraction * 2 ** -24;
  word.setUint32(0, (((bits & 0x8000) << 16) | ((exponent === 31 ? 255 : exponent + 112) << 23) | (fraction << 13)) >>> 0);
  return word.getFloat32(0);
}
