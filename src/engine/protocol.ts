import type { ErrorReport } from '../base/errors.ts';
import type { PotSnippet } from '../config/pot-snippet.ts';
import type { DtwSettings } from '../config/pairing.ts';
import type { Session } from '../config/session.ts';
import type { CostStatistics, Regime } from '../core/ot/diagnostics.ts';
import type { ObjectiveIdentity } from '../core/ot/identities.ts';
import type { PotPlan } from '../core/ot/pot.ts';
import type { Mode } from '../core/ot/solve.ts';
import type { Warning } from '../core/ot/warnings.ts';
import type { MatchErrors } from '../core/pairing/match.ts';
import type { PairInfo } from '../core/pairing/pair-info.ts';
import type { Dataset } from '../datasets/types.ts';
import type { LoadedEncoder } from '../encoders/load.ts';
import type { HandoverReason } from '../gpu/outcome.ts';
import type { TrainerState } from './trainer-state.ts';

export type Side = 'source' | 'target';

/** The part of a session that decides a plan; the datasets are already in the engine. */
export type ProblemSettings = Pick<Session, 'features' | 'batch' | 'pairing' | 'solve' | 'training'>;

/** The part of a session that decides a training run. */
export type TrainingSession = ProblemSettings & Pick<Session, 'policy'>;

/** A run as it is written down: with the session and the data it goes on bit by bit. */
export type Checkpoint = TrainerState;

/** Page → engine. Every request has an id that its reply carries. */
export type EngineRequest =
  | { readonly type: 'load'; readonly id: number; readonly side: Side; readonly dataset: Dataset; readonly demo: 'sim' | 'real' | null }
  | { readonly type: 'clear'; readonly id: number; readonly side: Side }
  | { readonly type: 'add-encoder'; readonly id: number; readonly encoder: LoadedEncoder }
  | { readonly type: 'remove-encoder'; readonly id: number; readonly file: string }
  /** What is loaded, for those who run it elsewhere; answered by `encoders`. */
  | { readonly type: 'encoders'; readonly id: number }
  /** The pairs of a file, by its fingerprint. */
  | { readonly type: 'add-pairs'; readonly id: number; readonly key: string; readonly pairs: PairInfo }
  | { readonly type: 'pair'; readonly id: number; readonly settings: DtwSettings }
  | { readonly type: 'cancel-pair'; readonly id: number }
  | { readonly type: 'pair-info'; readonly id: number }
  /** `known` is the cost version that the page holds: its matrices are not sent twice. */
  | { readonly type: 'solve'; readonly id: number; readonly settings: ProblemSettings; readonly known: number }
  | { readonly type: 'configure'; readonly id: number; readonly backend: BackendChoice }
  | { readonly type: 'verify'; readonly id: number; readonly settings: ProblemSettings }
  | { readonly type: 'pot-script'; readonly id: number; readonly settings: ProblemSettings }
  | { readonly type: 'suggest-tau'; readonly id: number; readonly settings: ProblemSettings; readonly mass: number }
  | { readonly type: 'responses'; readonly id: number; readonly settings: ProblemSettings }
  | { readonly type: 'regime-map'; readonly id: number; readonly settings: ProblemSettings }
  | { readonly type: 'cost-response'; readonly id: number; readonly settings: ProblemSettings }
  | { readonly type: 'pot-plan'; readonly id: number; readonly settings: ProblemSettings }
  | { readonly type: 'gradient-balance'; readonly id: number; readonly settings: TrainingSession }
  /** Episodes by their places; null for the nearest that the target episode is paired with. */
  | { readonly type: 'episode-pair'; readonly id: number; readonly settings: ProblemSettings; readonly source: number | null; readonly target: number }
  | { readonly type: 'window-trials'; readonly id: number; readonly settings: ProblemSettings; readonly seed: number }
  /** Train up to `steps` more steps (null: to the end); answered by any number of `training`, then `trained`. */
  | { readonly type: 'train'; readonly id: number; readonly settings: TrainingSession; readonly steps: number | null }
  | { readonly type: 'pause-training'; readonly id: number }
  | { readonly type: 'rewind-training'; readonly id: number; readonly step: number }
  | { readonly type: 'reset-training'; readonly id: number }
  /** Answered by `checkpoint`. */
  | { readonly type: 'checkpoint'; readonly id: number }
  | { readonly type: 'resume-training'; readonly id: number; readonly settings: TrainingSession; readonly checkpoint: Checkpoint }
  /** The encoder's file with its trained weights; answered by `encoder-file`. */
  | { readonly type: 'trained-encoder'; readonly id: number; readonly which: TrainedWeights }
  /** Let the policy drive the demo's arm; answered by any number of `rollout`, then `rolled-out`. */
  | { readonly type: 'roll-out'; readonly id: number; readonly settings: TrainingSession; readonly drive: DriveRequest }
  | { readonly type: 'cancel-rollout'; readonly id: number }
  /** What a camera shows of the arm, with noise of this seed (null: without); answered by `frame`. */
  | { readonly type: 'look'; readonly id: number; readonly domain: 'sim' | 'real'; readonly state: ArmState; readonly width: number; readonly height: number; readonly noise: number | null }
  | { readonly type: 'frame'; readonly id: number; readonly side: Side; readonly row: number; readonly width: number; readonly height: number };

/** Engine → page. */
export type EngineReply =
  | { readonly type: 'done'; readonly id: number }
  | { readonly type: 'encoder-added'; readonly id: number; readonly proposal: EncoderProposal | null }
  | { readonly type: 'encoders'; readonly id: number; readonly encoders: readonly LoadedEncoder[] }
  /** Any number of these come before `paired`. */
  | { readonly type: 'pairing'; readonly id: number; readonly done: number; readonly total: number }
  | { readonly type: 'paired'; readonly id: number; readonly pairs: number; readonly warnings: readonly string[] }
  | { readonly type: 'pair-info'; readonly id: number; readonly text: string }
  | { readonly type: 'solved'; readonly id: number; readonly report: SolveReport; readonly matrices: SolveMatrices }
  | { readonly type: 'configured'; readonly id: number; readonly backend: BackendInfo }
  | { readonly type: 'verified'; readonly id: number; readonly report: VerifyReport }
  | { readonly type: 'pot-script'; readonly id: number; readonly script: PotSnippet }
  | { readonly type: 'tau'; readonly id: number; readonly tau: number }
  | { readonly type: 'responses'; readonly id: number; readonly curves: ResponseCurves }
  | { readonly type: 'regime-map'; readonly id: number; readonly map: RegimeMap }
  | { readonly type: 'cost-response'; readonly id: number; readonly response: CostResponse }
  | { readonly type: 'pot-plan'; readonly id: number; readonly pot: PotPlan | null }
  | { readonly type: 'gradient-balance'; readonly id: number; readonly balance: GradientBalance }
  | { readonly type: 'episode-pair'; readonly id: number; readonly pair: EpisodePairView }
  | { readonly type: 'window-trials'; readonly id: number; readonly trials: readonly WindowTrial[] }
  | { readonly type: 'training'; readonly id: number; readonly metrics: readonly TrainingMetrics[]; readonly status: TrainingStatus }
  | { readonly type: 'trained'; readonly id: number; readonly status: TrainingStatus }
  | { readonly type: 'checkpoint'; readonly id: number; readonly checkpoint: Checkpoint | null }
  | { readonly type: 'encoder-file'; readonly id: number; readonly trained: TrainedFile }
  | { readonly type: 'rollout'; readonly id: number; readonly states: readonly DriveStates[] }
  /** null where it was cancelled, or another took its place. */
  | { readonly type: 'rolled-out'; readonly id: number; readonly report: DriveReport | null }
  | { readonly type: 'frame'; readonly id: number; readonly pixels: Uint8ClampedArray<ArrayBuffer> | null }
  | { readonly type: 'superseded'; readonly id: number }
  | { readonly type: 'failed'; readonly id: number; readonly error: ErrorReport };

/** Which keys the inputs of an encoder seem to mean, and which of its outputs is the embedding. */
export interface EncoderProposal {
  readonly file: string;
  readonly output: string;
  /** Every input; null where no key of a side suggests itself. */
  readonly inputs: readonly { readonly input: string; readonly src_key: string | null; readonly tgt_key: string | null }[];
}

/** How an encoder ran for the present plan. */
export interface EncoderRun {
  readonly file: string;
  readonly provider: 'wasm' | 'webgpu';
  /** Sentences: row by row, not on the GPU, random. */
  readonly notes: readonly string[];
}

/**
 * Engine → page, unasked: what ONNX Runtime starts to work on and for which file; null when that has ended, in every
 * case. A run on the wasm provider blocks the engine, so the page keeps its time (`WORK_WITHIN_MS`).
 */
export interface EngineSignal {
  readonly type: 'working';
  readonly work: { readonly what: string; readonly file: string } | null;
}

export type BackendChoice = 'auto' | 'webgpu' | 'cpu';

export interface BackendInfo {
  readonly kind: 'gpu' | 'software-gpu' | 'cpu';
  /** What the driver calls itself, where there is one. */
  readonly adapter: string | null;
  /** Why WebGPU was asked for and is not used. */
  readonly reason: string | null;
}

/** Both solvers on one problem. */
export interface VerifyReport {
  /** max|π_gpu − π_cpu| / max π. */
  readonly difference: number;
  readonly gpuIterations: number;
  readonly cpuIterations: number;
  readonly handedOver: string | null;
  readonly adapter: string;
}

/** What the store keeps of a solve: numbers and labels, no matrices. */
export interface SolveReport {
  readonly n: number;
  readonly m: number;
  readonly backend: BackendInfo['kind'];
  /** Why the float64 solver took over from the GPU; null when it did not. */
  readonly handedOver: string | null;
  readonly mode: Mode;
  readonly iterations: number;
  /** Time of the solve alone, and of the whole tick in the engine. */
  readonly solveMs: number;
  readonly tickMs: number;
  readonly error: number;
  readonly converged: boolean;
  /** Whether a τ is ∞, so that the marginal violation is the certificate and not the gap. */
  readonly hard: boolean;
  readonly gap: number;
  readonly marginalViolation: number;
  readonly primal: number;
  readonly dual: number;
  /** ⟨π,M⟩ in raw units, whatever the normalisation. */
  readonly ot_loss: number;
  readonly ot_pi_sum: number;
  readonly logMass: number;
  readonly ot_pi_diag: number | null;
  readonly diag_ratio: number | null;
  readonly perplexity: number;
  readonly entropy: number;
  /** σ that divided M before the solve. */
  readonly sigma: number;
  /** Statistics of M in raw units. */
  readonly statistics: CostStatistics;
  readonly regime: Regime;
  /** log of the mass that there is at least; null where there is no such bound. */
  readonly logMassBound: number | null;
  /** What the objective must equal at the optimum, in solved units as `primal` is. */
  readonly objective: ObjectiveIdentity;
  /** Σ‖z − z̄‖²/Σ‖z‖² of every embedding that is compared, by term. */
  readonly embeddings: readonly EmbeddingSpread[];
  readonly terms: readonly TermReport[];
  readonly warnings: readonly Warning[];
  /** The encoders that made embeddings of this batch. */
  readonly encoders: readonly EncoderRun[];
  readonly paired: boolean;
  readonly match: MatchErrors;
  readonly pairing: PairingReport | null;
  /** How samples were windowed in time, one sentence a decision. */
  readonly notes: readonly string[];
  readonly costVersion: number;
}

/** What the sampler made of the pairs that a batch is drawn from. */
export interface PairingReport {
  /** Target frames that can be drawn. */
  readonly samples: number;
  readonly warnings: readonly string[];
}

/** Where the steps of a run are taken, chosen when it starts. */
export interface TrainingPlace {
  readonly kind: BackendInfo['kind'];
  /** Why the host takes them although a GPU was chosen; null otherwise. */
  readonly reason: ErrorReport | null;
}

/** The weights that the steps move, which solves and attempts use, or their moving averages (EMA). */
export type TrainedWeights = 'weights' | 'averages';

/** The file that learned, as it is after a step. */
export interface TrainedFile {
  readonly file: string;
  readonly step: number;
  readonly bytes: Uint8Array<ArrayBuffer>;
}

/** How a run stands. */
export interface TrainingStatus {
  readonly step: number;
  /** The last one. */
  readonly steps: number;
  readonly playing: boolean;
  /** Steps that can be gone back to. */
  readonly kept: readonly number[];
  /** Bytes of a step's state where that is too large for any to be kept; null where steps are kept. */
  readonly unkept: number | null;
  /** Whether averages of the weights are kept beside them. */
  readonly averaged: boolean;
  /** The encoder that learns. */
  readonly file: string;
  /** null where there is no run. */
  readonly runsOn: TrainingPlace | null;
  /** What ended it before its time; the weights are those of the last good step. */
  readonly error: ErrorReport | null;
}

/** What a step of training said, before it moved the weights. */
export interface TrainingMetrics {
  /** From 1. */
  readonly step: number;
  /** Behaviour cloning's loss, ⟨π,M⟩ in raw units, λ⟨π,M⟩/σ, and bc + weighted. */
  readonly bc: number;
  readonly transport: number;
  readonly weighted: number;
  readonly total: number;
  /** The regularised optimum, in solved units: what the step descends. */
  readonly value: number;
  readonly mass: number;
  readonly diagonalMass: number | null;
  readonly perplexity: number;
  /** `ot_cost/<term>` of this step's batch: the mean of each term's matrix before its weight. */
  readonly terms: readonly { readonly name: string; readonly mean: number }[];
  /** Norms of the gradients before clipping. */
  readonly encoderNorm: number;
  readonly headNorm: number;
  /** Whether the solve came to its end, and why float64 solved in a GPU's place. */
  readonly converged: boolean;
  readonly handedOver: HandoverReason | null;
  /** Spread of the embeddings of each side (`Spread`); null in steps of a GPU in which it was not looked at. */
  readonly sourceVariance: number | null;
  readonly targetVariance: number | null;
  readonly sourceRank: number | null;
  readonly targetRank: number | null;
  readonly learningRate: number;
  readonly lambda: number;
  readonly ms: number;
}

/** Where the discs lie: `lower`, where the target has demonstrations (in distribution), or `upper`, where only the source has. */
export type DriveRegion = 'lower' | 'upper';

/** A policy that is to drive the target's arm. */
export interface DriveRequest {
  /** A kept step of the run; null for its present weights. Where there is no run, the untrained ones drive. */
  readonly step: number | null;
  /** Driven side by side, in this order. */
  readonly regions: readonly DriveRegion[];
  /** Attempts in each region. */
  readonly count: number;
  /** Of goals, starts and camera noise: each step of a run meets the same attempts. */
  readonly seed: number;
}

/** All that a picture of the arm needs, in table units. */
export interface ArmState {
  /** End effector. */
  readonly x: number;
  readonly y: number;
  readonly discX: number;
  readonly discY: number;
  /** 0 open … 1 closed. */
  readonly grip: number;
  readonly held: boolean;
  /** The disc is in the bin. */
  readonly done: boolean;
}

/** Control steps of all attempts in a region. */
export interface DriveStates {
  readonly region: DriveRegion;
  /** The first of these control steps; 0 is the start. */
  readonly from: number;
  /** By control step, then by attempt; one that has ended stays as it is. */
  readonly steps: readonly (readonly ArmState[])[];
}

export interface DriveReport {
  /** Steps of training behind the weights that drove. */
  readonly step: number;
  /** Of the run: reports with the same one may be compared from step to step. */
  readonly run: string;
  readonly seed: number;
  readonly regions: readonly { readonly region: DriveRegion; readonly successes: number; readonly count: number; /** Wilson's 95 % interval of the chance of success. */ readonly low: number; readonly high: number }[];
  /** Mean error of a linear map from embeddings to goals (`goalProbe`), in table units. */
  readonly probe: { readonly inDistribution: number; readonly outOfDistribution: number };
}

/** Windows that are tried on the present settings: W in frames, and any frame of the episode. */
export const TRIED_WINDOWS = [0, 1, 2, 5, 10, 20, 40, 'episode'] as const;
export type TriedWindow = (typeof TRIED_WINDOWS)[number];

/** What became of one batch. */
export interface WindowTrial extends MatchErrors {
  /** π_sum. */
  readonly mass: number;
}

/** Two episodes, how DTW aligns them, and which source frames the frames of the target are drawn with. */
export interface EpisodePairView {
  readonly source: EpisodeView;
  readonly target: EpisodeView;
  /** The columns that are compared, such as "observation.state[0:3]". */
  readonly compared: string;
  /** ‖t_i − s_j‖ of every `every`-th frame, rows the source's, columns the target's. */
  readonly distances: Float32Array;
  readonly every: number;
  /** Frames of the path. */
  readonly path: { readonly sources: Int32Array; readonly targets: Int32Array };
  /** By `formula`; null where neither episode moves. */
  readonly distance: number | null;
  readonly formula: 'path' | 'norm';
  /** Chance of a source frame at each progress (STRIP_ROWS bins, rows) for every `every`-th target frame (columns): each column of a frame with partners sums to 1. Null where the batch has no pairs. */
  readonly strip: Float32Array | null;
  /** Source episodes that the target's frames are drawn with, the likeliest first. */
  readonly partners: readonly { readonly episode: number; readonly place: number; readonly distance: number | null; readonly share: number }[];
}

export interface EpisodeView {
  /** In the dataset's list, and what it is called. */
  readonly place: number;
  readonly name: string;
  readonly frames: number;
}

export const STRIP_ROWS = 40;

export interface TermReport {
  readonly name: string;
  readonly weight: number;
  /** `ot_cost/<term>`: mean of M_term before its weight. */
  readonly mean: number;
  readonly max: number;
  /** Share of ⟨π,M⟩. */
  readonly share: number;
}

/** How much the embeddings of each side vary, of their size: 0 for a constant encoder, whatever its scale. */
export interface EmbeddingSpread {
  readonly term: string;
  readonly source: number;
  readonly target: number;
}

/** The shown loss and the optimum when all costs are multiplied by each of COST_SCALES, in solved units; NaN where a solve did not converge. */
export interface CostResponse {
  /** ⟨π(sM),sM⟩ */
  readonly shown: Float64Array;
  /** The regularised optimum. */
  readonly value: Float64Array;
  /** d⟨π(sM),sM⟩/ds at s = 1, and what a step takes it for: ⟨π,M⟩, π held. */
  readonly slope: number;
  readonly detached: number;
}

/** What pulls at an encoder in its next step, before clipping: norms of the gradients of BC and of λ·⟨π,M⟩/σ, over its weights. */
export interface GradientBalance {
  readonly bc: number;
  readonly transport: number;
  /** π_sum of that step's batch. */
  readonly mass: number;
  readonly lambda: number;
  /** Steps that the encoder has taken. */
  readonly step: number;
}

/** The arrays of a solve; they cross as transferables and never enter the store. */
export interface SolveMatrices {
  /** π, n × m. */
  readonly plan: Float64Array;
  readonly rowMass: Float64Array;
  readonly columnMass: Float64Array;
  /** null when the page already holds this version. */
  readonly costs: CostMatrices | null;
}

export interface CostMatrices {
  readonly version: number;
  /** M_term before weights, n × m each, in the order of the terms. */
  readonly terms: readonly Float32Array[];
  /** M. */
  readonly total: Float32Array;
  readonly source: BatchSideInfo;
  readonly target: BatchSideInfo;
}

/** What the page needs to name and show the samples of one side. */
export interface BatchSideInfo {
  /** Dataset rows, length n or m. */
  readonly rows: Int32Array;
  readonly episode: Int32Array;
  /** Where its episode stands in the dataset's list. */
  readonly place: Int32Array;
  /** Frame within its episode, and seconds since its start (NaN without fps). */
  readonly frame: Int32Array;
  readonly seconds: Float64Array;
  /** Progress in [0,1]: ground-truth phase where there is one, t/T elsewhere. */
  readonly progress: Float64Array;
  readonly truePhase: boolean;
  readonly weight: number;
  /** Values of every numeric column that the terms or the inspector show. */
  readonly columns: readonly { readonly key: string; readonly names: readonly string[]; readonly values: Float64Array }[];
}

/** π_sum along each solve slider, the others held, at evenly spaced slider positions. */
export interface ResponseCurves {
  readonly reg: Float64Array;
  readonly tau1: Float64Array;
  readonly tau2: Float64Array;
}

/** True solves over a log grid of reg (columns) and τ₁ (rows, from below), τ₂/τ₁ held. Row-major rows × columns. */
export interface RegimeMap {
  readonly columns: number;
  readonly rows: number;
  readonly mass: Float64Array;
  readonly diagRatio: Float64Array;
  readonly perplexity: Float64Array;
  /** `ot_loss`, in raw units as in the report. */
  readonly loss: Float64Array;
}

/** The demo's camera: frames are not stored but drawn from state, channels first, values in [0, 1], as a policy sees them. */
export const DEMO_IMAGE = { key: 'observation.images.camera', shape: [3, 32, 32] } as const;

export const REGIME_AXES = { low: 1e-3, high: 10, columns: 28, rows: 20 } as const;
export const RESPONSE_POINTS = 33;
/** Factors of all costs, evenly on a log scale; 1 is the middle one. */
export const COST_SCALES = { low: 10 ** -1.5, high: 10 ** 1.5, points: 31 } as const;
