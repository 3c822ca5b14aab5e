/**
 * Operators that an encoder may use: those that map tensors to tensors in one bounded pass. A list of what is allowed,
 * so that what a later runtime adds stays out until someone has looked at it.
 *
 * Left out on purpose: control flow (If, Loop, Scan), because a graph could then run for ever and hide its size;
 * sequences, optionals, maps and strings, which no embedding needs; image decoders and audio windows; training ops.
 */
const STANDARD: ReadonlySet<string> = new Set(
  `Abs Acos Acosh Add And ArgMax ArgMin Asin Asinh Atan Atanh Attention AveragePool BatchNormalization BitShift BitwiseAnd
  BitwiseNot BitwiseOr BitwiseXor Cast CastLike Ceil Celu CenterCropPad Clip Col2Im Compress Concat Constant
  ConstantOfShape Conv ConvInteger ConvTranspose Cos Cosh CumSum DepthToSpace DequantizeLinear Det Div Dropout
  DynamicQuantizeLinear Einsum Elu Equal Erf Exp Expand EyeLike Flatten Floor GRU Gather GatherElements GatherND Gelu Gemm
  GlobalAveragePool GlobalLpPool GlobalMaxPool Greater GreaterOrEqual GridSample GroupNormalization HardSigmoid HardSwish
  Hardmax Identity InstanceNormalization IsInf IsNaN LRN LSTM LayerNormalization LeakyRelu Less LessOrEqual Log LogSoftmax
  LpNormalization LpPool MatMul MatMulInteger Max MaxPool MaxRoiPool Mean MeanVarianceNormalization Min Mish Mod Mul Neg
  NonZero Not OneHot Or PRelu Pad Pow QLinearConv QLinearMatMul QuantizeLinear RMSNormalization RNN RandomNormal
  RandomNormalLike RandomUniform RandomUniformLike Range Reciprocal ReduceL1 ReduceL2 ReduceLogSum ReduceLogSumExp ReduceMax
  ReduceMean ReduceMin ReduceProd ReduceSum ReduceSumSquare Relu Reshape Resize RoiAlign RotaryEmbedding Round
  ScatterElements ScatterND Selu Shape Shrink Sigmoid Sign Sin Sinh Size Slice Softmax Softplus Softsign SpaceToDepth Split
  Sqrt Squeeze Sub Sum Swish Tan Tanh ThresholdedRelu Tile TopK Transpose Trilu Unsqueeze Upsample Where Xor`.split(/\s+/),
);

/** What ONNX Runtime's own optimiser writes into a model that was saved after fusing; each equals a few standard ops. */
const FUSED: ReadonlySet<string> = new Set('Attention BiasGelu FastGelu FusedConv FusedGemm FusedMatMul Gelu MultiHeadAttention QuickGelu SkipLayerNormalization'.split(' '));

/** Names of the standard domain: the empty string is what exporters write. */
const STANDARD_DOMAINS: ReadonlySet<string> = new Set(['', 'ai.onnx']);

const CONTROL_FLOW: ReadonlySet<string> = new Set(['If', 'Loop', 'Scan']);

/** Draws at every run: its embedding is not a function of its inputs. */
const RANDOM: ReadonlySet<string> = new Set(['RandomNormal', 'RandomNormalLike', 'RandomUniform', 'RandomUniformLike']);

export function isRandom(op: string): boolean {
  return RANDOM.has(op);
}

/** How reports call an operator: with its domain, unless that is the standard one. */
export function opLabel(domain: string, op: string): string {
  return STANDARD_DOMAINS.has(domain) ? op : `${domain}:${op}`;
}

/** Why an operator is refused, as the end of a sentence that begins with the file's name; null when it is allowed. */
export function refusalOf(domain: string, op: string, shown: (name: string) => string): string | null {
  if (STANDARD_DOMAINS.has(domain)) {
    if (STANDARD.has(op)) return null;
    if (CONTROL_FLOW.has(op)) return `uses the operator ${op}, and graphs with control flow are not run here; export the encoder by tracing, so that loops and branches are written out.`;
    return `uses the operator ${shown(op)}, which is not among those that encoders may use here; export the encoder with standard layers.`;
  }
  if (domain === 'com.microsoft' && FUSED.has(op)) return null;
  return `uses the operator ${shown(op)} of the domain ${shown(domain)}, which is not run here; export the encoder with standard ONNX operators only.`;
}
