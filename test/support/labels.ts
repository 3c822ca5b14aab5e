import { DEFAULT_SESSION } from '../../src/config/session.ts';
import { wantsEmbedding, type FeatureSpec } from '../../src/core/cost/features.ts';

/** The demo's terms that need no encoder: running one for every engine or page of every test would take minutes. */
export const LABELS: readonly FeatureSpec[] = DEFAULT_SESSION.features.filter((spec) => !wantsEmbedding(spec));
