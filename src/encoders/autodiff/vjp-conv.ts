import type { ConvAttributes, Tape } from './tape.ts';
import { range } from './tape.ts';
import type { Reverse } from './vjp.ts';

/*
 * Gradients of a convolution over two spatial axes, again as convolutions.
 *
 * y[n, o, p] = b[o] + Σ_{c, k} w[o, c, k] · x[n, c, s·p + d·k − pad], with strides s, dilations d and, for several
 * groups, o and c running within one group.
 */

export function convGradients({ tape, step: { inputs, ints }, dy, needs }: Reverse): readonly (string | null)[] {
  const [x, w, bias] = [inputs[0]!, inputs[1]!, inputs[2]];
  const list = (name: string): readonly number[] => ints[name] as readonly number[];
  const window: ConvAttributes = { strides: list('strides'), dilations: list('dilations'), pads: list('pads'), group: ints['group'] as number };
  return [
    needs[0] ? imageGradient(tape, x, w, dy, window) : null,
    needs[1] ? filterGradient(tape, x, w, dy, window) : null,
    bias && needs[2] ? tape.reshape(tape.reduce('ReduceSum', dy, [0, 2, 3]), tape.dims(bias)) : null,
  ];
}

/** dx: the transposed convolution; output_padding restores the rows that the stride left over. */
function imageGradient(tape: Tape, x: string, w: string, dy: string, { strides, dilations, pads, group }: ConvAttributes): string {
  const [image, filter, out] = [tape.dims(x), tape.dims(w), tape.dims(dy)];
  const left = [0, 1].map((k) => image[k + 2]! - ((out[k + 2]! - 1) * strides[k]! - pads[k]! - pads[k + 2]! + (filter[k + 2]! - 1) * dilations[k]! + 1));
  return tape.op('ConvTranspose', [dy, w], image, { ints: { strides, dilations, pads, group, output_padding: left, kernel_shape: filter.slice(2) } });
}

/**
 * dw[o, c, k] = Σ_{n, p} dy[n, o, p] · x[n, c, s·p + d·k − pad]: a convolution of x by dy in which examples and channels
 * have changed places, and so have strides and dilations. It may run over the end of the filter.
 */
function filterGradient(tape: Tape, x: string, w: string, dy: string, { strides, dilations, pads, group }: ConvAttributes): string {
  const [[examples, channels, ...image], [, outputs, ...out], filter] = [tape.dims(x), tape.dims(dy), tape.dims(w)] as [readonly number[], readonly number[], readonly number[]];
  const perGroup = channels! / group;
  // (N, G·c, …) → (c, G·N, …): within each group the examples are what is summed over.
  const grouped = tape.transpose(tape.reshape(x, [examples!, group, perGroup, ...image]), [2, 1, 0, 3, 4]);
  const byChannel = tape.reshape(grouped, [perGroup, group * examples!, ...image]);
  const swapped = tape.conv(byChannel, tape.transpose(dy, [1, 0, 2, 3]), null, { strides: dilations, dilations: strides, pads, group });
  const cropped = tape.crop(swapped, [0, 0, 0, 0], [perGroup, outputs!, ...filter.slice(2)]);
  return tape.transpose(cropped, [1, 0, ...range(2, 2 + out.length)]);
}
