import { create } from 'zustand';
import type { ErrorReport } from '../base/errors.ts';
import type { Finding, NullTau } from '../config/imported.ts';
import type { PairingFacts, Trainable } from '../engine/client.ts';
import type { PotPlan } from '../core/ot/pot.ts';
import type { BackendInfo, CostMatrices, CostResponse, DriveReport, EpisodePairView, GradientBalance, RegimeMap, ResponseCurves, Side, SolveMatrices, SolveReport, TrainingStatus, VerifyReport, WindowTrial } from '../engine/protocol.ts';

/** What the page says about a loaded dataset. The data themselves are in the engine. */
export interface DatasetSummary {
  readonly name: string;
  readonly format: string;
  readonly version: string;
  readonly fps: number | null;
  readonly frames: number;
  readonly episodes: number;
  readonly medianEpisode: number;
  readonly demo: 'sim' | 'real' | null;
  readonly fingerprint: string;
  readonly features: readonly FeatureSummary[];
  readonly warnings: readonly string[];
}

export interface FeatureSummary {
  readonly key: string;
  readonly dtype: string;
  readonly shape: readonly number[];
  readonly numeric: boolean;
  readonly names: readonly string[] | null;
  /** Per dimension, at most the first 64; null where the values are not numbers. */
  readonly stats: { readonly min: readonly number[]; readonly max: readonly number[]; readonly mean: readonly number[]; readonly std: readonly number[] } | null;
}

export type LoadState =
  | { readonly kind: 'none' }
  | { readonly kind: 'loading'; readonly name: string; readonly step: string; readonly done: number; readonly total: number; readonly startedAt: number }
  | { readonly kind: 'ready' }
  /** The session names a local file that a person must hand over again. */
  | { readonly kind: 'wanted'; readonly name: string };

/** What the page says about an encoder. The encoder itself is in the engine. */
export interface EncoderSummary {
  readonly file: string;
  readonly fingerprint: string;
  readonly builtin: boolean;
  readonly inputs: readonly EncoderPort[];
  readonly outputs: readonly EncoderPort[];
  readonly parameters: number;
  readonly ops: readonly { readonly op: string; readonly count: number }[];
  /** What of it can be trained, by the floating-point output that is. */
  readonly trainable: ReadonlyMap<string, Trainable>;
  readonly warnings: readonly string[];
}

export interface EncoderPort {
  readonly name: string;
  readonly dtype: string;
  /** Sizes, names of open axes, null for an axis without a name; null when the number of axes is open. */
  readonly shape: readonly (number | string | null)[] | null;
}

export type EncoderState =
  | { readonly kind: 'loading' }
  | { readonly kind: 'ready'; readonly summary: EncoderSummary }
  /** It made the engine hang, so the next engine was not given it. */
  | { readonly kind: 'stopped'; readonly summary: EncoderSummary; readonly error: ErrorReport }
  /** The session names a local file that a person must hand over again. */
  | { readonly kind: 'wanted'; readonly fingerprint: string };

/** What a training config said beside the session that it became. */
export interface ConfigSummary {
  readonly file: string;
  /** Tells one reading from another of the same file; null where nobody opened one just now. */
  readonly reading: number | null;
  readonly kind: 'lerobot' | 'robomimic';
  readonly findings: readonly Finding[];
  readonly unknown: readonly string[];
  /** How its null τ was read; null where it has none. */
  readonly nullTau: NullTau | null;
}

/** What is to be said of a file that was written last. */
export interface ExportSummary {
  readonly file: string;
  /** Largest |POT − plan| over max plan to expect, of a POT script. */
  readonly difference: number | null;
  /** English sentences: what the file cannot say, or how POT is asked. */
  readonly notes: readonly string[];
}

/** The pairs that a random batch is drawn from, where it is drawn from pairs. */
export type PairingState =
  | { readonly kind: 'none' }
  | { readonly kind: 'reading' }
  /** Cells of all alignments. */
  | { readonly kind: 'pairing'; readonly done: number; readonly total: number }
  | { readonly kind: 'ready'; readonly facts: PairingFacts }
  /** The session names a local file that a person must hand over again. */
  | { readonly kind: 'wanted'; readonly name: string };

/** What is written down of the run of training. */
export interface CheckpointState {
  /** The step of the present run that is saved. */
  readonly savedStep: number | null;
  /** The step that the present run was gone on from, and whether that was because the engine died. */
  readonly resumed: { readonly step: number; readonly died: boolean } | null;
  /** A saved run of another session or of other data: when it was saved (milliseconds since 1970), and its step. */
  readonly offer: { readonly at: number; readonly step: number } | null;
  /** Why the run is not saved, or a saved one cannot be gone on with. Training goes on. */
  readonly error: ErrorReport | null;
}

/** How the policy of a step fared; null in a region where it has not driven. */
export interface DriveResult extends Pick<DriveReport, 'step' | 'probe'> {
  readonly lower: DriveReport['regions'][number] | null;
  readonly upper: DriveReport['regions'][number] | null;
}

/** Policies that drove the demo's arm. */
export interface RolloutState {
  readonly driving: boolean;
  /** Grows with every control step that is told; the positions are in `rollout-shelf`. */
  readonly version: number;
  /** Why the last one did not drive. */
  readonly error: ErrorReport | null;
  /** Of one run and the same attempts, by step; `latest` is the one that drove last. */
  readonly results: { readonly run: string; readonly seed: number; readonly latest: number; readonly steps: readonly DriveResult[] } | null;
}

/** What the engine reports. */
interface RunState {
  readonly datasets: Readonly<Record<Side, DatasetSummary | null>>;
  readonly loads: Readonly<Record<Side, LoadState>>;
  /** Why the last load of a side failed, beside what is still loaded. */
  readonly loadErrors: Readonly<Record<Side, ErrorReport | null>>;
  /** The encoders that the session names, in its order. */
  readonly encoders: readonly { readonly file: string; readonly state: EncoderState }[];
  /** Why the last encoder was not loaded. */
  readonly encoderError: ErrorReport | null;
  /** The training config that was imported last, until it is dismissed. */
  readonly config: ConfigSummary | null;
  /** Why the last config was not read, or the last file not written. */
  readonly configError: ErrorReport | null;
  readonly exported: ExportSummary | null;
  readonly pairing: PairingState;
  /** Why the last pairs were not read or made. */
  readonly pairingError: ErrorReport | null;
  /** The solver in use. */
  readonly backend: BackendInfo;
  /** Both solvers on the present problem: running, or what came out. Null when there is no device, or nobody asked. */
  readonly verification: 'running' | VerifyReport | null;
  readonly report: SolveReport | null;
  /** Why there is no newer plan. The last one stays, dimmed. */
  readonly error: ErrorReport | null;
  /** Whether a solve or a search takes long enough to be shown: what is on the page is from before it. */
  readonly busy: boolean;
  /** Something to know that stops nothing: a link that could not be read, a file that is not the one wanted. */
  readonly remark: string | null;
  readonly responses: ResponseCurves | null;
  readonly regimeMap: RegimeMap | null;
  /** What explanations have computed: they may be of the settings before. null where there is nothing, or nothing to tell. */
  readonly costResponse: CostResponse | null;
  readonly potPlan: PotPlan | null;
  readonly gradientBalance: GradientBalance | null;
  /** Why the last of them could not be computed. */
  readonly explainError: ErrorReport | null;
  /** Whether what is explained is still of the settings before. */
  readonly explainStale: boolean;
  /** Grows with every new pair of episodes that is shown; the arrays are in `matrices`. Why there is none, where there is not. */
  readonly episodePair: { readonly version: number; readonly error: ErrorReport | null };
  /** Repetitions of TRIED_WINDOWS on the present settings, and why there are no more of them. */
  readonly windowTrials: { readonly done: readonly (readonly WindowTrial[])[]; readonly error: ErrorReport | null };
  /** The run of training, and a count of what it has said; the figures are in `training-shelf`. */
  readonly training: TrainingStatus;
  readonly trainingVersion: number;
  readonly rollouts: RolloutState;
  readonly checkpoint: CheckpointState;
  /** Grows with every new plan; the arrays are in `matrices`. */
  readonly planVersion: number;
}

/** No run. */
export const NO_TRAINING: TrainingStatus = { step: 0, steps: 0, playing: false, kept: [], unkept: null, averaged: false, file: '', runsOn: null, error: null };

export const useRun = create<RunState>()(() => ({
  datasets: { source: null, target: null },
  loads: { source: { kind: 'none' }, target: { kind: 'none' } },
  loadErrors: { source: null, target: null },
  encoders: [],
  encoderError: null,
  config: null,
  configError: null,
  exported: null,
  pairing: { kind: 'none' },
  pairingError: null,
  backend: { kind: 'cpu', adapter: null, reason: null },
  verification: null,
  report: null,
  error: null,
  remark: null,
  busy: false,
  responses: null,
  regimeMap: null,
  costResponse: null,
  potPlan: null,
  gradientBalance: null,
  explainError: null,
  explainStale: false,
  episodePair: { version: 0, error: null },
  windowTrials: { done: [], error: null },
  training: NO_TRAINING,
  trainingVersion: 0,
  rollouts: { driving: false, version: 0, error: null, results: null },
  checkpoint: { savedStep: null, resumed: null, offer: null, error: null },
  planVersion: 0,
}));

/** The arrays behind the last report. Not state: React must never compare or copy them. */
export const matrices: { plan: SolveMatrices | null; costs: CostMatrices | null; episodePair: EpisodePairView | null } = { plan: null, costs: null, episodePair: null };
