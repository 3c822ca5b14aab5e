import { DIAGONAL_WINDOW } from '../core/pairing/window-size.ts';
import { wantsEmbedding, type FeatureSpec } from '../core/cost/features.ts';
import { otBatchSize, type Finding } from './imported.ts';
import type { Session } from './session.ts';
import type { TrainingSettings } from './training.ts';

/** What of a config deserves a look before GPU days are spent on it, told from the config alone. */
const LIMITS = {
  /** Mass below which the OT loss says nothing (the page's `mass-collapse`): e^(−M/S) < 10⁻³ where M > 6.9·S. */
  deadExponent: Math.log(1000),
  /** Squared distances of raw embeddings, such as 512 dimensions of norm² 100, are at least of this order. */
  embeddingDistance: 100,
  /** exp(−M/reg) is 0 in float32 beyond this; the fork hands POT float32 costs and weights. */
  float32Exponent: 88.7,
  handful: 16,
  /** Beyond it exp(sharpness·(d − cutoff)) overflows, and robomimic's weights are exactly 0. */
  logisticExponent: 709.8,
  /** exp(−sharpness·d) is exactly 0 beyond it, and the fork takes 1e-12 instead. */
  exponent: 745.1,
  /** raw_dtw_dist as the two formulas give it on the same data. */
  normDistances: { low: 15, high: 19 },
  pathDistance: 0.03,
} as const;

/** Four digits are enough in a sentence. */
const show = (value: number): string => String(Number(value.toPrecision(4)));

const isImage = (key: string): boolean => key.startsWith('observation.image');

/** What is questionable in an imported session, gravest first. */
export function findingsOf(session: Session): Finding[] {
  const findings: Finding[] = [];
  const add = (code: string, message: string): void => {
    findings.push({ code, message });
  };
  aboutSolve(session, add);
  aboutTerms(session, add);
  aboutSampling(session, add);
  return findings;
}

type Add = (code: string, message: string) => void;

function aboutSolve({ solve, features, training }: Session, add: Add): void {
  const { reg, tau1, tau2, prior } = solve;
  const total = reg + tau1 + tau2;
  if (prior === 'diagonal')
    add('hard-diagonal', `heuristic = true is a hard mask: every pair off the diagonal gets exactly 0, so nothing is matched, ot_pi_sum equals ot_pi_diag, and${Number.isFinite(total) ? ` each pair keeps (1/n)·exp(−M_ii/${show(total)})` : ' a hard marginal leaves the identity pairing'}. The soft prior is the bias that its documentation describes.`);
  else add('reference-measure', 'heuristic = false leaves the reference measure to the installed POT: a·bᵀ from 0.9.5 on, 1 before, which is another problem with other masses. The playground takes a·bᵀ.');
  const embedded = features.reduce((sum, spec) => sum + (wantsEmbedding(spec) ? spec.weight_embed * spec.term_weight : 0), 0);
  const dead = LIMITS.deadExponent * total;
  if (embedded > 0 && dead / embedded < LIMITS.embeddingDistance)
    add('mass-collapse', `With reg + τ₁ + τ₂ = ${show(total)} the mass is below 0.001 once costs exceed ${show(dead)}, a squared embedding distance of ${show(dead / embedded)}; raw embeddings are often ${LIMITS.embeddingDistance} and more apart. Look at ot_pi_sum first.`);
  const lost = LIMITS.float32Exponent * reg;
  if (embedded > 0 && lost / embedded < LIMITS.embeddingDistance)
    add('pot-breaks', `POT on float32 costs breaks where every cost of a sample exceeds ${LIMITS.float32Exponent}·reg = ${show(lost)}, and returns finite numbers that are no plan${training.convention === 'lerobot' ? '; where they are not finite the fork puts a uniform plan in their place, which looks healthy' : ''}.`);
}

function aboutTerms({ features, training }: Session, add: Add): void {
  const names = features.map(({ term_name }) => term_name);
  for (const name of new Set(names.filter((other, k) => names.indexOf(other) < k))) add('duplicate-terms', `Several features are called "${name}": the fork lets the last overwrite the others' costs and counts it that often. Give each a term_name.`);
  if (features.length === 0) add('no-terms', 'There are no features, so there is no cost: training stops with an error.');
  const cameras = features.filter((spec) => wantsEmbedding(spec) && isImage(spec.src_key));
  const weight = cameras.reduce((sum, spec) => sum + spec.weight_embed * spec.term_weight, 0);
  if (cameras.length > 1 && weight > cameras.length - 0.5) add('cameras-unweighted', `${cameras.length} cameras are summed at a weight of ${show(weight)}: each added camera raises every cost and lowers the mass. Give each 1/${cameras.length}.`);
  for (const spec of features) {
    const steps = /^actions?$/.test(spec.src_key) ? training.actionHorizon : training.obsSteps;
    if (spec.weight_label > 0 && spec.time_reduce === 'flatten' && steps > 1)
      add('time-windows', `A sample holds ${steps} steps of "${spec.src_key}", and the label of "${spec.term_name}" is flattened over all of them: each adds its own squared distance, so weight_label = ${show(spec.weight_label)} counts about ${steps} times as much as on single frames.`);
  }
  for (const spec of features) aboutTerm(spec, training.convention === 'lerobot' ? training.obsKeys : null, add);
  if (features.some(wantsEmbedding))
    add(
      'time-reduce',
      training.convention === 'lerobot'
        ? 'Embeddings are those of the last observation step (of the first action step), while labels are flattened over all steps; earlier versions of the fork take that one step for labels too.'
        : 'Embeddings of all observation steps are flattened into one vector, of which the playground takes the last step alone; of an action label only the first step counts.',
    );
}

function aboutTerm(spec: FeatureSpec, obsKeys: readonly string[] | null, add: Add): void {
  const { term_name: name, src_key, tgt_key } = spec;
  if (spec.weight_label === 0 && !wantsEmbedding(spec)) add('no-weight', `"${name}" has no weight that counts, so it measures nothing${spec.use_learned_embed ? '' : '; the fork stops with an error'}.`);
  if (spec.weight_embed > 0 && !spec.use_learned_embed) add('embed-weight-ignored', `weight_embed = ${show(spec.weight_embed)} of "${name}" counts for nothing while use_learned_embed is false.`);
  if (spec.term_weight !== 1) add('term-weight-ignored', `term_weight = ${show(spec.term_weight)} of "${name}" is ignored by earlier versions of the fork; put it into weight_embed and weight_label to be safe.`);
  if (spec.embed_name !== null) add('embed-name-ignored', `embed_name = "${spec.embed_name}" of "${name}" is ignored: the fork asks the policy for the embedding of "${src_key}".`);
  if (spec.dim_slice && wantsEmbedding(spec)) add('slice-not-embedding', `dim_slice of "${name}" applies to its label alone; the embedding is of all of "${src_key}".`);
  if (obsKeys === null) return;
  for (const key of new Set([src_key, tgt_key])) {
    if (key === 'observation.images' || key === 'observation.image') add('generic-key', `"${key}" of "${name}" is no column: the fork takes the first camera that it finds, on each side by itself. Name the camera.`);
    else if (key !== 'action' && !obsKeys.includes(key)) add('key-not-loaded', `"${key}" of "${name}" is not among obs_keys, so the OT batches do not hold it.`);
  }
}

/** What distances and names a config takes for granted. */
function aboutLerobotWeights({ sharpness, baseIndexSource, baseIndexTarget }: TrainingSettings, add: Add): void {
  const { low, high } = LIMITS.normDistances;
  if (sharpness * high > LIMITS.exponent)
    add('weights-saturate', `exp(−${show(sharpness)}·d) is 0 at DTW distances above ${show(LIMITS.exponent / sharpness)}, and the fork then weighs every such episode 1e-12: all of them alike where a pair_info was made by the older formula (distances around ${low} to ${high}).`);
  else if (sharpness > 0)
    add('sharpness-scale', `sharpness = ${show(sharpness)} means what the formula of the pair_info makes of it: an episode at distance ${low} counts ${show(Math.exp(sharpness * (high - low)))} times one at ${high}, while at the newer formula's distances around ${LIMITS.pathDistance} all weigh within ${show(100 * (1 - Math.exp(-sharpness * LIMITS.pathDistance)))} % of each other.`);
  if (baseIndexSource !== baseIndexTarget)
    add('base-index', `base_index_src = ${baseIndexSource} and base_index_tgt = ${baseIndexTarget} differ: the fork takes the digits of each name minus its base index, and pairs every episode with a neighbour in silence where one of them is wrong.`);
}

function aboutSampling({ solve, training, batch }: Session, add: Add): void {
  const { window, noWindow, batchSize, batchRatio, convention } = training;
  const reach = noWindow ? 'the whole episode' : `±${window} frames`;
  if (solve.prior === 'diagonal' && (noWindow || window > DIAGONAL_WINDOW))
    add('window-diagonal', `Source frames are moved by ${reach}, and the diagonal prior takes each pair as it is drawn: the plan cannot re-match them. Use a window of at most ${DIAGONAL_WINDOW}, or a prior that may leave the diagonal.`);
  if (noWindow && window > 0) add('no-window', `no_window overrides the window of ${window}.`);
  if (convention === 'robomimic' && !noWindow && window === 0) add('window-zero', 'A window of 0 stops robomimic with an error (it draws from an empty range). Use 1, which is −1 or 0 frames.');
  if (convention === 'robomimic' && training.sharpness > 0)
    add('weights-saturate', `Episodes at a DTW distance above ${show(training.cutoff + LIMITS.logisticExponent / training.sharpness)} have weight 0; where all of a target's have, robomimic stops with an error.`);
  if (convention === 'lerobot') aboutLerobotWeights(training, add);
  const product = batchSize * batchRatio;
  if (convention === 'lerobot') {
    const size = otBatchSize(batchSize, batchRatio);
    if (Math.round(product) - Math.trunc(product) === 1 && Math.abs(product - Math.round(product)) < 1e-9) add('batch-truncated', `int(${batchSize}·${batchRatio}) is ${Math.trunc(product)}, not ${Math.round(product)}: the product falls just short of it in floating point.`);
    if (Math.trunc(product) > size) add('batch-clamped', `The OT batch is ${Math.trunc(product)}; the playground draws at most ${size}.`);
  }
  if (batch.size < LIMITS.handful) add('small-batch', `The OT batch is ${convention === 'lerobot' ? `max(1, int(${batchSize}·${batchRatio})) = ` : ''}${batch.size}: a plan between ${batch.size} and ${batch.size} samples has hardly anything to match.`);
  if (training.lambda === 0) add('lambda-zero', 'The weight λ of the OT loss is 0, so it is not trained on.');
}
