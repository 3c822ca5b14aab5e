import { UserError } from '../base/errors.ts';
import { samplerOf } from '../config/pairing.ts';
import { priorOf } from '../config/session.ts';
import { combineTerms, normalisationScale } from '../core/cost/terms.ts';
import { uniformWeights } from '../core/ot/problem.ts';
import { solve } from '../core/ot/solve.ts';
import { matchErrors } from '../core/pairing/match.ts';
import type { Dataset } from '../datasets/types.ts';
import { drawBatch } from './batch.ts';
import { BatchEmbeddings, measureTerms } from './cost.ts';
import { addDemoImages, type DemoImages } from './demo-images.ts';
import type { EncoderRoom } from './encoders.ts';
import { matchGauges } from './gauges.ts';
import type { PairingRoom } from './pairing.ts';
import type { ProblemSettings, TriedWindow, WindowTrial } from './protocol.ts';

interface TrialRoom {
  readonly source: Dataset;
  readonly target: Dataset;
  readonly images: DemoImages | null;
  readonly room: EncoderRoom;
  readonly pairing: PairingRoom;
}

/**
 * One batch whose pairs were moved by a window, solved in float64: how far its pairs are apart, how far what π matches,
 * and how far what the diagonal prior would. Nothing is trained: the question is what a plan makes of loose proposals.
 *
 * A window of 0 takes the pairs as they are under every convention; robomimic itself raises there.
 * @throws UserError `not-paired`, and what drawing, embedding and measuring throw
 */
export async function tryWindow({ source, target, images, room, pairing: pairs }: TrialRoom, settings: ProblemSettings, window: TriedWindow, seed: number): Promise<WindowTrial> {
  const { features, solve: chosen, batch, pairing, training } = settings;
  const sampler = samplerOf(training);
  const jitter = window === 'episode' ? { ...sampler, noWindow: true } : { ...sampler, window, noWindow: false, offsets: window === 0 ? ('symmetric' as const) : sampler.offsets };
  const drawn = drawBatch(source, target, { ...batch, kind: 'random', seed }, (from, to) => pairs.draw(from, to, { pairing, training, size: batch.size, seed, jitter }), training);
  if (!drawn.paired) throw new UserError('not-paired', 'The batch has no pairs, so there is no window to try; choose a pairing.');
  addDemoImages(drawn, features, images);
  const embeddings = new BatchEmbeddings(room, drawn, null);
  try {
    const { terms } = await measureTerms(features, drawn, embeddings, null);
    const total = combineTerms(terms);
    const sigma = normalisationScale(total, chosen.normalisation);
    const [n, m] = [drawn.source.count, drawn.target.count];
    const { reg, tau1, tau2 } = chosen;
    const problem = { n, m, cost: total.map((value) => value / sigma), a: uniformWeights(n), b: uniformWeights(m), prior: priorOf(chosen), reg, tau1, tau2 };
    const solution = solve(problem, { mode: chosen.mode });
    return { ...matchErrors(problem, solution.plan, true, matchGauges(features, drawn)), mass: solution.mass };
  } finally {
    embeddings.destroy();
  }
}
