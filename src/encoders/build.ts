import { create, toBinary } from '@bufbuild/protobuf';
import type { AttributeProto, NodeProto, TensorProto, ValueInfoProto } from 'onnx-buf';
import {
  AttributeProto_AttributeType as AttributeType,
  AttributeProtoSchema,
  GraphProtoSchema,
  ModelProtoSchema,
  NodeProtoSchema,
  OperatorSetIdProtoSchema,
  TensorProtoSchema,
  TensorShapeProto_DimensionSchema,
  TensorShapeProtoSchema,
  TypeProto_TensorSchema,
  TypeProtoSchema,
  ValueInfoProtoSchema,
} from 'onnx-buf';
import type { Random } from '../base/random.ts';

/* Parts of ONNX files that we write ourselves. */

/** Some of a graph, with the weights that it brings. */
export interface Part {
  readonly nodes: readonly NodeProto[];
  readonly weights: readonly TensorProto[];
}

/** Opset 17 is the first with LayerNormalization, and what docs ask of other encoders. */
export function model(name: string, inputs: readonly ValueInfoProto[], outputs: readonly ValueInfoProto[], parts: readonly Part[]): Uint8Array {
  return toBinary(
    ModelProtoSchema,
    create(ModelProtoSchema, {
      irVersion: 8n,
      producerName: 'ot-playground',
      opsetImport: [create(OperatorSetIdProtoSchema, { domain: '', version: 17n })],
      graph: create(GraphProtoSchema, {
        name,
        input: [...inputs],
        output: [...outputs],
        node: parts.flatMap(({ nodes }) => nodes),
        initializer: parts.flatMap(({ weights }) => weights),
      }),
    }),
  );
}

/** A float32 input or output with a symbolic first axis. */
export function port(name: string, shape: readonly number[]): ValueInfoProto {
  const dim = [
    create(TensorShapeProto_DimensionSchema, { value: { case: 'dimParam', value: 'batch' } }),
    ...shape.map((size) => create(TensorShapeProto_DimensionSchema, { value: { case: 'dimValue', value: BigInt(size) } })),
  ];
  const tensor = create(TypeProto_TensorSchema, { elemType: 1, shape: create(TensorShapeProtoSchema, { dim }) });
  return create(ValueInfoProtoSchema, { name, type: create(TypeProtoSchema, { value: { case: 'tensorType', value: tensor } }) });
}

/** One operator with one output, which names the node as well. */
export function node(opType: string, input: string[], output: string, attribute: AttributeProto[] = []): NodeProto {
  return create(NodeProtoSchema, { opType, input, output: [output], name: output, attribute });
}

export function integer(name: string, value: number): AttributeProto {
  return create(AttributeProtoSchema, { name, type: AttributeType.INT, i: BigInt(value) });
}

export function float(name: string, value: number): AttributeProto {
  return create(AttributeProtoSchema, { name, type: AttributeType.FLOAT, f: value });
}

export function integers(name: string, values: readonly number[]): AttributeProto {
  return create(AttributeProtoSchema, { name, type: AttributeType.INTS, ints: values.map(BigInt) });
}

/** Bytes are little-endian in ONNX, and written so whatever machine runs this. */
export function floats(name: string, dims: readonly number[], values: Float32Array): TensorProto {
  const view = new DataView(new ArrayBuffer(4 * values.length));
  for (const [k, value] of values.entries()) view.setFloat32(4 * k, value, true);
  return create(TensorProtoSchema, { name, dataType: 1, dims: dims.map(BigInt), rawData: new Uint8Array(view.buffer) });
}

export function longs(name: string, values: readonly number[]): TensorProto {
  return create(TensorProtoSchema, { name, dataType: 7, dims: [BigInt(values.length)], int64Data: values.map(BigInt) });
}

/** A tensor that is a constant and no initialiser, because what is an initialiser counts as trainable. */
export function constant(output: string, dims: readonly number[], values: Float32Array): NodeProto {
  return node('Constant', [], output, [create(AttributeProtoSchema, { name: 'value', type: AttributeType.TENSOR, t: floats('', dims, values) })]);
}

/** Weights as torch's Linear starts them (Kaiming uniform with a = √5): uniform within ±1/√inputs, its bias too. */
export function linearStart(dims: readonly number[], inputs: number, random: Random): Float32Array {
  return Float32Array.from({ length: dims.reduce((product, size) => product * size, 1) }, () => random.between(-1, 1) / Math.sqrt(inputs));
}
