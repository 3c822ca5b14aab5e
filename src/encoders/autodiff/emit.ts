import { create, toBinary } from '@bufbuild/protobuf';
import type { AttributeProto, TensorProto, ValueInfoProto } from 'onnx-buf';
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
import { assert } from '../../base/assert.ts';
import type { DType } from '../dtypes.ts';
import { typeOf } from '../dtypes.ts';
import type { Constant, Step } from './tape.ts';
import { TAPE_OPSET } from './tape.ts';

/** An input or output of a graph that is written; a string is an open axis with that name. */
export interface GraphPort {
  readonly name: string;
  readonly dtype: DType;
  readonly dims: readonly (number | string)[];
}

/** A graph as it goes into a file. */
export interface GraphParts {
  readonly name: string;
  readonly steps: readonly Step[];
  readonly inputs: readonly GraphPort[];
  readonly outputs: readonly GraphPort[];
  /** Constants by name. */
  readonly constants: ReadonlyMap<string, Constant>;
}

/** An ONNX file of these parts. */
export function emitModel({ name, steps, inputs, outputs, constants }: GraphParts): Uint8Array<ArrayBuffer> {
  const graph = create(GraphProtoSchema, {
    name,
    node: steps.map(({ op, inputs: read, output, ints, floats }) =>
      create(NodeProtoSchema, { opType: op, name: output, input: [...read], output: [output], attribute: [...Object.entries(ints).map(([key, value]) => integers(key, value)), ...Object.entries(floats).map(([key, f]) => create(AttributeProtoSchema, { name: key, type: AttributeType.FLOAT, f }))] }),
    ),
    input: inputs.map(port),
    output: outputs.map(port),
    initializer: [...constants].map(([key, value]) => tensor(key, value)),
  });
  return toBinary(ModelProtoSchema, create(ModelProtoSchema, { irVersion: 8n, producerName: 'ot-playground', opsetImport: [create(OperatorSetIdProtoSchema, { domain: '', version: BigInt(TAPE_OPSET) })], graph }));
}

function integers(name: string, value: number | readonly number[]): AttributeProto {
  if (typeof value === 'number') return create(AttributeProtoSchema, { name, type: AttributeType.INT, i: BigInt(value) });
  return create(AttributeProtoSchema, { name, type: AttributeType.INTS, ints: value.map(BigInt) });
}

function port({ name, dtype, dims }: GraphPort): ValueInfoProto {
  const dim = dims.map((size) => create(TensorShapeProto_DimensionSchema, { value: typeof size === 'number' ? { case: 'dimValue', value: BigInt(size) } : { case: 'dimParam', value: size } }));
  const value = create(TypeProto_TensorSchema, { elemType: typeNumber(dtype), shape: create(TensorShapeProtoSchema, { dim }) });
  return create(ValueInfoProtoSchema, { name, type: create(TypeProtoSchema, { value: { case: 'tensorType', value } }) });
}

function tensor(name: string, { dtype, dims, data }: Constant): TensorProto {
  return create(TensorProtoSchema, { name, dataType: typeNumber(dtype), dims: dims.map(BigInt), rawData: new Uint8Array(data.buffer as ArrayBuffer, data.byteOffset, data.byteLength) });
}

/** ONNX's number of a type. */
function typeNumber(dtype: DType): number {
  for (let number = 1; number < 14; number++) if (typeOf(number)?.dtype === dtype) return number;
  assert(false, `a number for ${dtype}`);
}
