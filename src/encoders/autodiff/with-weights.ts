import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import type { TensorProto } from 'onnx-buf';
import { ModelProtoSchema, StringStringEntryProtoSchema, TensorProtoSchema } from 'onnx-buf';
import { assert } from '../../base/assert.ts';
import { toTyped, typeOf } from '../dtypes.ts';
import type { EncoderFile } from '../session.ts';
import type { Ties } from './source.ts';
import { readSource } from './source.ts';

/**
 * An encoder's file with other weights in it, as it goes home after training. Everything else stays as it was: names,
 * opset, types (half precision is rounded back to), open axes. Weights that lay beside the model stay there, but for
 * those that are given.
 *
 * @param weights by parameter's name, float32; the others keep their values
 * @param about said of it in the file's metadata, in place of what had those keys  @param ties as the gradients were made: with `separate` ties merged initialisers come apart again
 */
export function withWeights({ bytes, external, preflight: { file } }: EncoderFile, weights: ReadonlyMap<string, Float32Array>, about: Readonly<Record<string, string>> = {}, ties: Ties = 'separate'): Uint8Array<ArrayBuffer> {
  const source = readSource(bytes, file, { ties, external, cut: true });
  const model = fromBinary(ModelProtoSchema, bytes);
  const graph = model.graph!;
  const stored = new Map(graph.initializer.map((tensor) => [tensor.name, tensor]));
  const parameters = new Set(source.parameters.map(({ name }) => name));
  for (const name of weights.keys()) assert(parameters.has(name), `${name} is a parameter`);
  const fresh: TensorProto[] = [];
  const changed = new Set([...weights.keys()].map((name) => source.initialiser(name)));
  graph.node = graph.node.filter((node) => {
    const alias = node.output[0] ?? '';
    const original = source.initialiser(alias);
    if (original === null || !changed.has(original)) return true;
    if (source.parameter(alias) === original) {
      // Tied: it follows the first name, also where another alias lay between.
      node.input = [original];
      return true;
    }
    // What is not given stays what it was, a running mean that equalled a fresh bias for one.
    const { dims, dataType } = stored.get(original)!;
    fresh.push(tensorOf(alias, dims, dataType, weights.get(alias) ?? (source.read(original).data as Float32Array)));
    return false;
  });
  graph.initializer = [...graph.initializer.map((tensor) => (weights.has(tensor.name) ? tensorOf(tensor.name, tensor.dims, tensor.dataType, weights.get(tensor.name)!) : tensor)), ...fresh];
  model.metadataProps = [...model.metadataProps.filter(({ key }) => !Object.hasOwn(about, key)), ...Object.entries(about).map(([key, value]) => create(StringStringEntryProtoSchema, { key, value }))];
  return toBinary(ModelProtoSchema, model);
}

function tensorOf(name: string, dims: readonly bigint[], dataType: number, values: Float32Array): TensorProto {
  assert(dims.reduce((product, size) => product * Number(size), 1) === values.length, `as many values as ${name} has`);
  const { buffer, byteOffset, byteLength } = toTyped(typeOf(dataType)!.dtype, values);
  return create(TensorProtoSchema, { name, dims: [...dims], dataType, rawData: new Uint8Array(buffer as ArrayBuffer, byteOffset, byteLength) });
}
