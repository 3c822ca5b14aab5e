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
  'no-encoder': '此项需要嵌入，但没有可用的编码器。请放入编码器，或将 weight_embed 设为 0，用 weight_label 比较原始值。',
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
  damaged: '文件已损坏、被截断，或不是扩展名所示的格式。请重新复制或下载。',
  encrypted: '文件已加密。请以未加密方式另存。',
  'too-many-files': '文件过多。请只打开数据集的一部分。',
  'file-changed': '文件在选择之后被修改或移动。请重新选择。',
  'nothing-found': '没有找到可读取的文件。',
  'several-datasets': '这里有多个数据集。请选择其中一个文件夹或文件。',
  'no-tables': '没有 parquet 数据表。',
  'no-frame-table': '没有逐帧数据表：需要 episode_index 以及 frame_index 或 index 列。',
  'no-frames': '文件中没有任何帧。',
  'no-library': '无法取得读取该格式的程序。请检查网络后重试。',
  'bad-index': '片段或帧的编号有误。',
  'unsupported-format': '这种格式无法读取。可用：LeRobotDataset 文件夹、逐帧的 .parquet 文件、robomimic 的 .hdf5，或 .npz 与 .npy 数组。',
  'unsupported-codec': '文件使用了不支持的压缩方式。',
  'reader-stalled': '读取器长时间没有响应，已被终止。',
  'reader-died': '读取器异常终止；已载入的数据不受影响。',
  'demo-missing': '无法取得演示数据。',
  'no-encoder-file': '这些文件中没有编码器。请放入 .onnx 文件，连同其权重文件。',
  'encoder-same-name': '有两个编码器同名，无法区分。请改名。',
  'encoder-not-onnx': '这不是 ONNX 模型。请用 torch.onnx.export 导出编码器。',
  'encoder-damaged': '文件不是 ONNX 模型，或已损坏。请重新复制或导出。',
  'encoder-cyclic': '计算图成环，文件已损坏。请重新导出。',
  'encoder-no-gpu': 'ONNX Runtime 的 GPU 后端缺少该编码器所需的算子。',
  'encoder-op': '编码器用了不支持的算子。请去掉它后重新导出。',
  'encoder-refused': '编码器含有此处不支持的内容。请重新导出。',
  'encoder-too-large': '编码器过大，超出此处允许的上限。请导出更小的编码器。',
  'encoder-external-missing': '缺少权重文件。请与 .onnx 文件一起放入。',
  'encoder-external-short': '权重文件太短，或属于另一个模型。请重新复制或导出二者。',
  'encoder-external-path': '权重指向编码器文件夹之外，不予读取。请将权重存放在模型旁边。',
  'encoder-no-float-output': '编码器没有浮点输出可作嵌入。请将嵌入导出为 float32 输出。',
  'encoder-batch': '编码器的首轴不是帧。请以动态首轴重新导出。',
  'encoder-shape': '列的形状与编码器的输入不符。请改选另一列。',
  'encoder-input': '编码器的输入与列的对应不完整。请为每个输入选择一列。',
  'encoder-output': '编码器没有这个浮点输出。请另选一个。',
  'encoder-values': '列中的值不能用作编码器的输入。请改选另一列。',
  'encoder-non-finite': '编码器给出了非有限的数值。请检查输入范围与权重。',
  'encoder-load': 'ONNX Runtime 无法载入该编码器。请以 opset 17 重新导出。',
  'encoder-run': '编码器运行失败。请检查输入的形状。',
  'encoder-runtime': '无法载入 ONNX Runtime。请检查网络后重试。',
  'encoder-lost': '编码器运行时 GPU 丢失，引擎已重新启动。',
  'encoder-key': '映射到编码器的列不存在。请另选一列。',
  'link-too-long': '此会话中的名称过长，无法放进链接。',
  'encoder-hung': '编码器运行过久，引擎已重新启动。它对这台机器可能过重。',
};

/** The sentence to show, and the original beneath it where the two differ. */
export function errorSentence(error: ErrorReport, language: Language): { sentence: string; original: string | null } {
  const translated = language === 'zh' && Object.hasOwn(ZH, error.code) ? ZH[error.code] : undefined;
  return translated ? { sentence: translated, original: error.message } : { sentence: error.message, original: null };
}
