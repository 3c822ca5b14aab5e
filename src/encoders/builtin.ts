import { Random } from '../base/random.ts';
import { constant, float, floats, integer, integers, linearStart, longs, model, node, port, type Part } from './build.ts';

/*
 * The demo's encoders, as ONNX files.
 *
 * The frozen backbone finds 24 colours in a 32 × 32 frame and says where each one is: a centre-surround filter
 * (narrow minus wide blur, circular at the edges), 24 opponent colour directions, and over each of these maps a
 * softmax whose mean position is a keypoint. On its 48 coordinates stands a small trainable network with LayerNorm.
 */

/** Frames are 32 × 32 RGB in [0, 1]. */
export const SIDE = 32;
/** Filters of the backbone; it gives an x and a y for each. */
export const FILTERS = 24;
export const HIDDEN = 48;
export const EMBEDDING = 16;
/** Pixels at each edge that are not looked at: there the circular blur mixes opposite edges most. */
export const CROP = 2;
/** Sharpness of the softmax over positions. */
export const TEMPERATURE = 40;
/** Weights of the narrow blur by offset; the wide one is the mean of 11 pixels. */
export const NARROW: readonly (readonly [offset: number, weight: number])[] = [[-2, 0.06], [-1, 0.24], [0, 0.4], [1, 0.24], [2, 0.06]];
export const WIDE: readonly (readonly [offset: number, weight: number])[] = Array.from({ length: 11 }, (_, k) => [k - 5, 1 / 11] as const);

/** Any seeds would do; the page's first numbers hang on them. */
const BANK_SEED = 3;
const MLP_SEED = 5;

/** LayerNorm's guard, as in torch. */
export const EPSILON = 1e-5;

/**
 * The backbone's colour directions, FILTERS × 3, row-major, float32: normal deviates, most of their grey taken out,
 * each of length 1.
 */
export function colourBank(seed: number = BANK_SEED): Float32Array {
  const random = new Random(seed);
  const bank = new Float32Array(3 * FILTERS);
  for (let filter = 0; filter < FILTERS; filter++) {
    const colour = [random.normal(), random.normal(), random.normal()];
    const grey = 0.6 * ((colour[0]! + colour[1]! + colour[2]!) / 3);
    const opponent = colour.map((value) => value - grey);
    const length = Math.sqrt(opponent.reduce((sum, value) => sum + value * value, 0));
    bank.set(opponent.map((value) => value / length), 3 * filter);
  }
  return bank;
}

/** Weights of the trainable part as torch's Linear starts them. Shapes as Gemm has them. */
export function mlpWeights(seed: number = MLP_SEED): ReadonlyMap<string, { readonly dims: readonly number[]; readonly values: Float32Array }> {
  const random = new Random(seed);
  const keypoints = 2 * FILTERS;
  const start = (dims: readonly number[], inputs: number): { dims: readonly number[]; values: Float32Array } => ({ dims, values: linearStart(dims, inputs, random) });
  return new Map([
    ['net.0.weight', start([HIDDEN, keypoints], keypoints)],
    ['net.0.bias', start([HIDDEN], keypoints)],
    ['net.2.weight', start([EMBEDDING, HIDDEN], HIDDEN)],
    ['net.2.bias', start([EMBEDDING], HIDDEN)],
  ]);
}

const IMAGE = port('image', [3, SIDE, SIDE]);

/** Every file in `public/encoders`, by name. The same bytes at every call. */
export function builtinEncoders(): ReadonlyMap<string, Uint8Array> {
  return new Map([
    ['keypoints.onnx', model('keypoints', [IMAGE], [port('keypoints', [2 * FILTERS])], [backbone('image', 'keypoints')])],
    ['mlp.onnx', model('mlp', [port('keypoints', [2 * FILTERS])], [port('embedding', [EMBEDDING])], [mlp('keypoints', 'embedding', MLP_SEED)])],
    ['demo-encoder.onnx', demoEncoder(MLP_SEED)],
  ]);
}

/** The demo's encoder with first weights of a seed: an experiment over seeds needs others for each. */
export function demoEncoder(seed: number): Uint8Array {
  return model('demo-encoder', [IMAGE], [port('embedding', [EMBEDDING])], [backbone('image', 'keypoints'), mlp('keypoints', 'embedding', seed)]);
}

/**
 * (batch, 3, 32, 32) → (batch, 48): x of all filters, then y, in [−1, 1]. A circular convolution along an axis is a
 * product with a circulant matrix; taking only its inner rows crops as well. Every operator is one that ONNX Runtime
 * has on the GPU, which circular padding is not.
 */
function backbone(input: string, output: string): Part {
  const inner = SIDE - 2 * CROP;
  const bank = colourBank().map((value) => Math.fround(value * TEMPERATURE));
  return {
    nodes: [
      ...(['narrow', 'wide'] as const).flatMap((blur) => [
        node('MatMul', [input, `${blur}.columns`], `${blur}.along`),
        node('MatMul', [`${blur}.rows`, `${blur}.along`], blur),
      ]),
      node('Sub', ['narrow', 'wide'], 'contrast'),
      node('Conv', ['contrast', 'bank'], 'maps', [integers('kernel_shape', [1, 1])]),
      // 0: as many as there are. The batch axis stays open.
      node('Reshape', ['maps', 'flat'], 'scores'),
      node('Softmax', ['scores'], 'attention', [integer('axis', -1)]),
      node('MatMul', ['attention', 'positions'], 'means'),
      node('Transpose', ['means'], 'by-axis', [integers('perm', [0, 2, 1])]),
      node('Reshape', ['by-axis', 'all'], output),
    ],
    weights: [
      ...([['narrow', NARROW], ['wide', WIDE]] as const).flatMap(([blur, taps]) => {
        const rows = circulant(taps);
        return [floats(`${blur}.rows`, [inner, SIDE], rows), floats(`${blur}.columns`, [SIDE, inner], transposed(rows, inner, SIDE))];
      }),
      floats('bank', [FILTERS, 3, 1, 1], bank),
      floats('positions', [inner * inner, 2], positions()),
      longs('flat', [0, FILTERS, inner * inner]),
      longs('all', [0, 2 * FILTERS]),
    ],
  };
}

/** Inner rows of the matrix that blurs one axis: out[i] = Σ weight · in[i − offset], as np.roll by offset has it. */
function circulant(taps: typeof NARROW): Float32Array {
  const inner = SIDE - 2 * CROP;
  const rows = new Float32Array(inner * SIDE);
  for (let row = 0; row < inner; row++) for (const [offset, weight] of taps) rows[row * SIDE + ((row + CROP - offset + SIDE) % SIDE)] = weight;
  return rows;
}

/** (x, y) of every inner pixel, row by row; pixel centres run from −1 to 1 over the whole frame. */
function positions(): Float32Array {
  const inner = SIDE - 2 * CROP;
  const place = (k: number): number => -1 + (2 * (k + CROP)) / (SIDE - 1);
  return Float32Array.from({ length: 2 * inner * inner }, (_, k) => place(k % 2 === 0 ? (k >> 1) % inner : Math.floor((k >> 1) / inner)));
}

/** (batch, 48) → (batch, 16): Linear, ReLU, Linear, and LayerNorm without weights of its own. */
function mlp(input: string, output: string, seed: number): Part {
  const transB = integer('transB', 1);
  return {
    nodes: [
      node('Gemm', [input, 'net.0.weight', 'net.0.bias'], 'hidden', [transB]),
      node('Relu', ['hidden'], 'active'),
      node('Gemm', ['active', 'net.2.weight', 'net.2.bias'], 'raw', [transB]),
      constant('ones', [EMBEDDING], new Float32Array(EMBEDDING).fill(1)),
      node('LayerNormalization', ['raw', 'ones'], output, [integer('axis', -1), float('epsilon', EPSILON)]),
    ],
    weights: [...mlpWeights(seed)].map(([name, { dims, values }]) => floats(name, dims, values)),
  };
}

function transposed(matrix: Float32Array, rows: number, columns: number): Float32Array {
  return Float32Array.from({ length: matrix.length }, (_, k) => matrix[(k % rows) * columns + Math.floor(k / rows)]!);
}
