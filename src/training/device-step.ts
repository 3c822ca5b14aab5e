import { quote } from '../base/words.ts';
import { spreadOf } from '../core/training/spread.ts';
import { computed, readBack, type Reading } from '../gpu/buffers.ts';
import { lossOf } from '../gpu/bc-loss.ts';
import { scoped } from '../gpu/errors.ts';
import type { HandoverReason } from '../gpu/outcome.ts';
import type { DevicePolicy } from './device-policy.ts';
import { NOTHING_MOVED, notFinite, type StepInput, type StepOptions, type StepResult, type TransportSettings } from './step.ts';

/**
 * `hostStep` on a device: the same graphs on the webgpu provider, cost, plan and dz in float32, the same optimiser. In the
 * ordinary step there is one wait, at its end, for scalars and n + m sums.
 *
 * Where float32 does not hold the problem (step_check.wgsl) the optimiser does not take the step, and it is taken from a
 * plan in float64 instead, after a second wait; a median normalisation, a hard mask and POT's scheme beyond 64 samples are
 * solved in float64 in every step.
 * @throws UserError `training-nan` as `hostStep`; `bad-problem`, `infeasible`, `flat-cost`; as `guarded` and `GraphSession.run`
 */
export async function deviceStep(policy: DevicePolicy, input: StepInput, t: number, learningRate: number, decay: number, { look = true, mark }: StepOptions = {}): Promise<StepResult> {
  const { transport, optimiser, parts } = policy;
  const { encoder, sizes: { n, m } } = parts;
  const step = new Submissions(policy);
  const here = transport ? await transport.pose(input.transport, input.fixed) : false;
  feed(policy, input);
  await encoder.forward();
  await mark?.('forward');

  if (transport) step.submit('the plan of a training step', (commands) => (here ? transport.encode(commands) : transport.encodeCost(commands)));
  let solved = transport && !here ? await inFloat64(policy, t) : null;
  await mark?.('transport');

  await cloneBehaviour(policy, input, step);
  await mark?.('head');
  await encoder.backward();
  await mark?.('backward');

  const rows = (n + m) * policy.width;
  const readings: Reading[] = [{ buffer: policy.between.losses, bytes: 4 }, optimiser.normsReading, ...(look ? [{ buffer: policy.embeddings, bytes: 4 * rows }] : []), ...(here ? transport!.readings : [])];
  const bytes = await step.finish(readings, (commands) => {
    if (here) transport!.encodeCheck(commands);
    optimiser.encode(commands, t, learningRate, decay);
  });
  const loss = parts.sizes.bc > 0 ? lossOf(new Float32Array(bytes[0]!)[0]!) : 0;
  let norms = optimiser.normsOf(bytes[1]!);
  const outcome = here ? transport!.outcomeOf(bytes.slice(look ? 3 : 2)) : null;
  if (norms.halted) await refuseNaN(policy, t, loss);
  let handedOver: HandoverReason | null = null;
  if (outcome && outcome.handover !== null) {
    handedOver = outcome.handover;
    optimiser.resume();
    solved = await inFloat64(policy, t);
    await encoder.backward();
    const [again] = await step.finish([optimiser.normsReading], (commands) => optimiser.encode(commands, t, learningRate, decay));
    norms = optimiser.normsOf(again!);
  }
  if (norms.halted) {
    optimiser.resume();
    throw notFinite(t, `the gradient of ${quote([...encoder.trained, ...(parts.head?.trained ?? [])][norms.halted.parameter]!.name)}`);
  }
  await mark?.('optimiser');

  const z = look ? new Float32Array(bytes[2]!) : null;
  const spread = z && { source: spreadOf(z.subarray(0, n * policy.width), n, policy.width), target: spreadOf(z.subarray(n * policy.width), m, policy.width) };
  const found = solved ?? (outcome && { solution: outcome, sigma: outcome.sigma, embeddingCost: outcome.embeddingCost });
  if (!found) return { ...NOTHING_MOVED, bc: loss, total: loss, spread, norms };
  return { ...transportOf(found, loss, input.transport), handedOver, spread, norms };
}

type Found = NonNullable<Awaited<ReturnType<typeof inFloat64>>> | { readonly solution: ReturnType<NonNullable<DevicePolicy['transport']>['outcomeOf']>; readonly sigma: number; readonly embeddingCost: number };

function transportOf({ solution, sigma, embeddingCost }: Found, loss: number, { lambda }: TransportSettings): Omit<StepResult, 'handedOver' | 'spread' | 'norms'> {
  const weighted = lambda * solution.transportCost;
  return { bc: loss, transport: solution.transportCost * sigma, weighted, total: loss + weighted, value: solution.primal, mass: solution.mass, diagonalMass: solution.diagonalMass, perplexity: solution.perplexity, embeddingCost, converged: solution.converged };
}

/** Work submitted under error scopes that are asked at the end of the step, so that nothing waits for them in between. */
class Submissions {
  readonly #device: GPUDevice;
  readonly #checks: Promise<void>[] = [];

  constructor({ solver }: DevicePolicy) {
    this.#device = solver.device;
  }

  submit(what: string, encode: (commands: GPUCommandEncoder) => void): void {
    const { checked } = scoped(this.#device, what, () => this.#run(encode));
    // It may be rejected before the end of the step looks at it.
    checked.catch(() => undefined);
    this.#checks.push(checked);
  }

  /** Submit, wait for the step so far, and read. @throws UserError as `guarded` */
  async finish(readings: readonly Reading[], encode: (commands: GPUCommandEncoder) => void): Promise<ArrayBuffer[]> {
    const bytes = computed(this.#device, 'a training step', () => {
      this.#run(encode);
      return readings;
    });
    const [read] = await Promise.all([bytes, ...this.#checks]);
    return read;
  }

  #run(encode: (commands: GPUCommandEncoder) => void): void {
    const commands = this.#device.createCommandEncoder();
    encode(commands);
    this.#device.queue.submit([commands.finish()]);
  }
}

/** Write what the graphs are fed and what the loss compares with. */
function feed({ parts: { encoder, head }, between, solver: { device } }: DevicePolicy, { feeds, bc }: StepInput): void {
  for (const name of encoder.inputs.keys()) encoder.feed(name, feeds.get(name)!);
  if (head) for (const [name, values] of bc.inputs) head.feed(name, values);
  device.queue.writeBuffer(between.wanted, 0, bc.wanted as Float32Array<ArrayBuffer>);
  if (bc.valid) device.queue.writeBuffer(between.valid, 0, bc.valid as Float32Array<ArrayBuffer>);
}

/** BC's loss and its gradient, back into ∂loss/∂z, or into that of the encoder's own action. */
async function cloneBehaviour(policy: DevicePolicy, { bc: { valid } }: StepInput, step: Submissions): Promise<void> {
  const { between, loss, width, embeddings, embeddingGradient } = policy;
  const { encoder, head, action, chunk, sizes: { n, m, bc } } = policy.parts;
  if (bc === 0 || (!head && action === null)) return;
  const shape = { batch: bc, ...chunk };
  const count = valid?.reduce((sum, value) => sum + value, 0) ?? 0;
  const encodeLoss = (commands: GPUCommandEncoder): void => {
    const pass = commands.beginComputePass();
    loss.encode(pass, shape, { prediction: between.prediction, target: between.wanted, valid: valid && { buffer: between.valid, count }, gradient: between.predictionGradient, losses: between.losses, slot: 0 });
    pass.end();
  };
  const place = 4 * (n + m);
  if (head) {
    step.submit('the embeddings of a policy head', (commands) => commands.copyBufferToBuffer(embeddings, place * width, head.inputs.get('z')!, 0, 4 * bc * width));
    await head.forward();
    step.submit('the loss of a policy', encodeLoss);
    await head.backward();
    step.submit('the gradient of a policy head', (commands) => commands.copyBufferToBuffer(head.inputGradients.get('z')!, 0, embeddingGradient, place * width, 4 * bc * width));
    return;
  }
  const size = chunk.horizon * chunk.width;
  step.submit('the loss of a policy', (commands) => {
    commands.copyBufferToBuffer(encoder.outputs.get(action!)!, place * size, between.prediction, 0, 4 * bc * size);
    encodeLoss(commands);
    commands.copyBufferToBuffer(between.predictionGradient, 0, encoder.outputGradients.get(action!)!, place * size, 4 * bc * size);
  });
}

/** The plan and its gradient by the host, where embeddings are numbers. */
async function inFloat64(policy: DevicePolicy, t: number): ReturnType<NonNullable<DevicePolicy['transport']>['solveOnHost']> {
  await checkEmbeddings(policy, t);
  return policy.transport!.solveOnHost();
}

/** Say where a step stopped that the optimiser did not take, if it was not at a gradient. Its next step is then free to be taken. */
async function refuseNaN(policy: DevicePolicy, t: number, loss: number): Promise<void> {
  const { optimiser } = policy;
  try {
    await checkEmbeddings(policy, t);
    if (!Number.isFinite(loss)) throw notFinite(t, 'the behaviour cloning loss');
  } catch (thrown) {
    optimiser.resume();
    throw thrown;
  }
}

async function checkEmbeddings({ solver: { device }, embeddings, width, parts: { sizes: { n, m, bc } } }: DevicePolicy, t: number): Promise<void> {
  const [bytes] = await readBack(device, [{ buffer: embeddings, bytes: 4 * (n + m + bc) * width }]);
  if (new Float32Array(bytes!).some((value) => !Number.isFinite(value))) throw notFinite(t, 'the embedding');
}
