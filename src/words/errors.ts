import type { ErrorReport } from '../base/errors.ts';
import type { Language } from './index.ts';

/**
 * What the engine's and readers' errors mean, in Chinese. They word their own sentences, with file names and figures,
 * in English; here each code has the gist and the way out, and the English sentence is shown beneath it.
 */
const ZH: Readonly<Record<string, string>> = {
  'width-mismatch': '源与目标每帧的数值个数不同，无法计算距离。将两侧切成相同长度，或去掉此项。',
  'missing-key': '此项所用的列不存在于其中一侧。请改选两侧都有的列。',
  'bad-slice': 'dim_slice 超出了该列的长度。',
  'non-finite': '本批中该列含有 NaN 或无穷大。切掉该维度，或排除这些帧。',
  'duplicate-term': '有两项同名，请改名。',
  'no-weight': '此项没有任何权重，不起作用。设置权重，或去掉此项。',
  'no-encoder': '此项需要嵌入，但没有编码器提供该键。将 weight_embed 设为 0，用 weight_label 比较原始值。',
  'no-terms': '代价没有任何项，无可比较。请添加一项。',
  'bad-weight': '权重必须是有限的非负数。',
  'flat-cost': '代价矩阵的该统计量为 0，不能用来归一化。',
  'bad-problem': '有设置超出可求解的范围。',
  infeasible: '硬边缘下没有可行的计划。将 τ₁ 或 τ₂ 设为有限值，或换一种先验。',
  'no-such-tau': '在当前 reg 下，没有 τ 能给出该质量。',
  'bad-range': '区间写法有误或越界。请写半开区间，如 “0:6, 9”。',
  'empty-batch': '没有选中任何帧。请另选片段，或增大批。',
  'too-large': '内容过大，超出可处理的上限。',
  'no-data': '需要源与目标两份数据。',
  damaged: '文件已损坏、被截断，或不是 parquet。请重新复制或下载。',
  encrypted: '文件已加密。请以未加密方式另存。',
  'too-many-files': '文件过多。请只打开数据集的一部分。',
  'file-changed': '文件在选择之后被修改或移动。请重新选择。',
  'nothing-found': '没有找到可读取的文件。',
  'several-datasets': '这里有多个数据集。请选择其中一个文件夹。',
  'no-tables': '没有 parquet 数据表。',
  'no-frame-table': '没有逐帧数据表：需要 episode_index 以及 frame_index 或 index 列。',
  'no-frames': '数据表中没有任何帧。',
  'bad-index': '片段或帧的编号有误。',
  'unsupported-format': '这种格式无法读取。可用：LeRobotDataset 文件夹，或逐帧的 .parquet 文件。',
  'unsupported-codec': '文件使用了不支持的压缩方式。',
  'reader-stalled': '读取器长时间没有响应，已被终止。',
  'reader-died': '读取器异常终止；已载入的数据不受影响。',
  'demo-missing': '无法取得演示数据。',
};

/** The sentence to show, and the original beneath it where the two differ. */
export function errorSentence(error: ErrorReport, language: Language): { sentence: string; original: string | null } {
  const translated = language === 'zh' && Object.hasOwn(ZH, error.code) ? ZH[error.code] : undefined;
  return translated ? { sentence: translated, original: error.message } : { sentence: error.message, original: null };
}
