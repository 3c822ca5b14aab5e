import { Random } from '../../../src/base/random.ts';
import { builtinEncoders } from '../../../src/encoders/builtin.ts';
import { floats, int, ints, longs, node, onnxModel, port } from '../../support/onnx.ts';

/** A small encoder with the operators whose results can grow. */
function growing(): Uint8Array {
  return onnxModel({
    inputs: [port('x', ['batch', 1, 6, 6])],
    outputs: [port('y', ['batch', 'n'])],
    weights: [floats('w', [2, 1, 3, 3], Array.from({ length: 18 }, (_, k) => k / 18)), longs('size', [2, 3]), longs('repeats', [1, 2, 1, 1]), longs('pads', [0, 0, 1, 1, 0, 0, 1, 1]), longs('axes', [1]), floats('scales', [4], [1, 1, 2, 2])],
    nodes: [
      node('Pad', ['x', 'pads'], ['padded']),
      node('Conv', ['padded', 'w'], ['c'], [ints('kernel_shape', [3, 3]), ints('strides', [1, 1])]),
      node('Resize', ['c', '', 'scales'], ['r']),
      node('MaxPool', ['r'], ['m'], [ints('kernel_shape', [2, 2]), ints('strides', [2, 2])]),
      node('Tile', ['m', 'repeats'], ['t']),
      node('Flatten', ['t'], ['f']),
      node('ConstantOfShape', ['size'], ['z']),
      node('ReduceSum', ['z'], ['s'], [int('keepdims', 0)]),
      node('Add', ['f', 's'], ['y']),
    ],
  });
}

/** The mutant of a seed: flipped bits, a cut, changed bytes, or a stretch copied elsewhere. Weights are mostly spared. */
export function mutant(seed: number): Uint8Array {
  const random = new Random(seed);
  const bytes = (random.below(3) === 0 ? builtinEncoders().get('demo-encoder.onnx')! : growing()).slice();
  const structure = Math.min(bytes.length, 1500);
  switch (random.below(4)) {
    case 0:
      for (let k = random.below(4); k >= 0; k--) bytes[random.below(structure)]! ^= 1 << random.below(8);
      break;
    case 1:
      return bytes.slice(0, random.below(bytes.length));
    case 2:
      for (let k = random.below(3); k >= 0; k--) bytes[random.below(structure)] = random.below(256);
      break;
    default: {
      const length = 1 + random.below(24);
      const from = random.below(structure - length);
      bytes.set(bytes.slice(from, from + length), random.below(structure - length));
    }
  }
  return bytes;
}
