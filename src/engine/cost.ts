import { UserError } from '../base/errors.ts';
import { embedColumn, embedKeys, wantsEmbedding, type BatchSide, type FeatureSpec } from '../core/cost/features.ts';
