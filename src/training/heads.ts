import { UserError } from '../base/errors.ts';
import { Random } from '../base/random.ts';
import { quote } from '../base/words.ts';
import type { BcLossSettings } from '../core/training/bc-loss.ts';
import { constant, floats, integer, linearStart, model, node, port, type Part } from '../encoders/build.ts';

interface LayersSettings {
  /** Widths of the hidden layers, from the input on. */
  readonly hidden: readonly number[];
  readonly activation: 'relu' | 'gelu';
}

/** What turns embeddings into actions, and what it is trained to. */
export type HeadSettings =
  /** A chunk of actions at once, as in ACT. */
  | (LayersSettings & { readonly kind: 'regression'; readonly loss: BcLossSettings })
  /** The noise in a noisy chunk, as in Diffusion Policy. */
  | (LayersSettings & { readonly kind: 'diffusion'; readonly loss: BcLossSettings; readonly timeWidth: number; readonly steps: number })
  /** An output of the user's own file is the action: there is nothing to build. */
  | { readonly kind: 'own'; readonly output: string; readonly loss: BcLossSettings };

export type BuiltHeadSettings = Exclude<HeadSettings, { kind: 'own' }>;

/** Sizes of what a head takes and gives. */
export interface HeadShape {
  readonly embedding: number;
  /** Values of proprioception beside the embedding; 0 for none. */
  readonly proprio: number;
  readonly horizon: number;
  /** Values an action. */
  readonly action: number;
}

/** A policy head as an ONNX file, float32, with an open batch axis. Its weights are initialisers of this file. */
export interface BuiltHead {
  readonly bytes: Uint8Array;
  /** (batch, width) each, in this order: `z`; `proprio` where there is some; `noisy` and `time` in a diffusion head. */
  readonly inputs: readonly { readonly name: 'z' | 'proprio' | 'noisy' | 'time'; readonly width: number }[];
  /** (batch, horizon·action), row-major. */
  readonly output: { readonly name: 'action' | 'noise'; readonly width: number };
}

/** What a head may be given: far beyond what trains in a browser, and well within what it may allocate. */
export const HEAD_LIMITS = { layers: 8, width: 4096, timeWidth: 1024, steps: 1000, output: 65_536 } as const;

/** The demo's head: (z, proprioception) → 64 → 64 → action, with L2. */
export const DEMO_HEAD: HeadSettings = { kind: 'regression', hidden: [64, 64], activation: 'relu', loss: { kind: 'l2', mean: 'unpadded' } };

/**
 * The MLP of a head over all its inputs side by side: Gemm and activation for each hidden width, then a Gemm. Weights
 * are named as torch's Sequential names them (`head.0.weight`, `head.2.weight`, …) and start as torch's Linear does.
 * @param seed of the weights: the same one gives the same bytes
 * @throws UserError `bad-head`
 */
export function buildHead(settings: BuiltHeadSettings, shape: HeadShape, seed: number): BuiltHead {
  const width = shape.horizon * shape.action;
  checkHead(settings, shape, width);
  const inputs: BuiltHead['inputs'] = [
    { name: 'z', width: shape.embedding },
    ...(shape.proprio > 0 ? [{ name: 'proprio', width: shape.proprio } as const] : []),
    ...(settings.kind === 'diffusion' ? [{ name: 'noisy', width } as const, { name: 'time', width: settings.timeWidth } as const] : []),
  ];
  const output = { name: settings.kind === 'diffusion' ? 'noise' : 'action', width } as const;
  const layers = mlp(inputs, settings, output, new Random(seed));
  const bytes = model(`${settings.kind}-head`, inputs.map((input) => port(input.name, [input.width])), [port(output.name, [width])], [layers]);
  return { bytes, inputs, output };
}

/**
 * Whether an output of the user's own file can be the action: (batch, horizon·action) or (batch, horizon, action).
 * @param dims as the file gives them; undefined where it has no such output
 * @throws UserError `bad-head`, naming file and output
 */
export function checkOwnHead(file: string, output: string, dims: readonly number[] | undefined, { horizon, action }: Pick<HeadShape, 'horizon' | 'action'>): void {
  const wanted = `(batch, ${horizon * action}) or (batch, ${horizon}, ${action})`;
  if (!dims) throw new UserError('bad-head', `${file} has no output ${quote(output)} to take the action from; choose another output, or a head that is built here.`);
  const [, ...rest] = dims;
  if (rest.reduce((product, size) => product * size, 1) === horizon * action && (rest.length === 1 || (rest.length === 2 && rest[0] === horizon))) return;
  throw new UserError('bad-head', `The output ${quote(output)} of ${file} has the shape (${dims.join(', ')}), and ${horizon} actions of ${action} values need ${wanted}; choose another output, or another horizon.`);
}

function mlp(inputs: BuiltHead['inputs'], { hidden, activation }: LayersSettings, output: BuiltHead['output'], random: Random): Part {
  const joined = inputs.length > 1;
  const nodes = joined ? [node('Concat', inputs.map(({ name }) => name), 'joined', [integer('axis', 1)])] : [];
  const weights: Part['weights'][number][] = [];
  let [from, width] = [joined ? 'joined' : inputs[0]!.name, inputs.reduce((sum, input) => sum + input.width, 0)];
  for (const [k, size] of [...hidden, output.width].entries()) {
    const last = k === hidden.length;
    const layer = `head.${2 * k}`;
    const raw = last ? output.name : layer;
    weights.push(floats(`${layer}.weight`, [size, width], linearStart([size, width], width, random)), floats(`${layer}.bias`, [size], linearStart([size], width, random)));
    nodes.push(node('Gemm', [from, `${layer}.weight`, `${layer}.bias`], raw, [integer('transB', 1)]));
    if (!last) nodes.push(...(activation === 'relu' ? [node('Relu', [raw], `${raw}.active`)] : gelu(raw, `${raw}.active`)));
    [from, width] = [`${raw}.active`, size];
  }
  return { nodes, weights };
}

/** ½x(1 + erf(x/√2)), written out: the operator Gelu is younger than opset 17. */
function gelu(input: string, output: string): Part['nodes'][number][] {
  const scalar = (name: string, value: number): Part['nodes'][number] => constant(`${input}.${name}`, [], Float32Array.of(value));
  return [
    scalar('root', Math.SQRT1_2),
    scalar('one', 1),
    scalar('half', 0.5),
    node('Mul', [input, `${input}.root`], `${input}.scaled`),
    node('Erf', [`${input}.scaled`], `${input}.erf`),
    node('Add', [`${input}.erf`, `${input}.one`], `${input}.gate`),
    node('Mul', [input, `${input}.gate`], `${input}.gated`),
    node('Mul', [`${input}.gated`, `${input}.half`], output),
  ];
}

function checkHead(settings: BuiltHeadSettings, shape: HeadShape, width: number): void {
  const refuse = (what: string): never => {
    throw new UserError('bad-head', `The policy head cannot be built: ${what}.`);
  };
  const { layers, width: most, output, timeWidth, steps } = HEAD_LIMITS;
  const within = (value: number, low: number, high: number): boolean => Number.isInteger(value) && value >= low && value <= high;
  if (settings.hidden.length > layers) refuse(`it has ${settings.hidden.length} hidden layers, and at most ${layers} are possible`);
  const odd = settings.hidden.find((size) => !within(size, 1, most));
  if (odd !== undefined) refuse(`a hidden layer has the width ${odd}, which must be a whole number from 1 to ${most}`);
  if (!within(shape.embedding, 1, output)) refuse(`the embedding has ${shape.embedding} values, which must be 1 to ${output}`);
  if (!within(shape.proprio, 0, output)) refuse(`the proprioception has ${shape.proprio} values, which must be 0 to ${output}`);
  if (!within(shape.horizon, 1, output) || !within(shape.action, 1, output) || width > output) refuse(`${shape.horizon} actions of ${shape.action} values are asked for, and at least 1 and at most ${output} values are possible`);
  if (settings.kind !== 'diffusion') return;
  if (!within(settings.steps, 1, steps)) refuse(`the diffusion has ${settings.steps} steps, which must be a whole number from 1 to ${steps}`);
  if (!(within(settings.timeWidth, 4, timeWidth) && settings.timeWidth % 2 === 0)) refuse(`the time step is embedded in ${settings.timeWidth} values, which must be an even number from 4 to ${timeWidth}`);
}
