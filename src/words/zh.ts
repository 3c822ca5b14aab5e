import type { Catalogue } from './index.ts';

/** 简体中文。代码名（ot_pi_sum、reg、τ₁）不译。 */
export const zh: Catalogue = {
  'warn.hard-diagonal': '硬掩码：非对角恒为 0，没有发生匹配，只有 reg + τ₁ + τ₂ = {{total}} 起作用。',
  'warn.mass-collapse': '质量消失：{{value}}，健康范围 0.05–0.30。代价远高于 τ，损失已静默。',
  'warn.transport-dominates': '传输过强：质量 {{value}}，健康范围 0.05–0.30。',
  'warn.mass-above-one': '质量 {{value}} 超过 1：“全一”先验会增加质量。',
  'warn.not-converged': '{{iterations}} 次迭代后未收敛：最后变化 {{value}}。',
  'warn.float32-range': '超出 float32 范围：指数达 {{value}}，安全范围低于 1000。用 float32 求解会出错。',
  'warn.pot-breaks': 'POT 在第 {{value}} 次迭代失败并返回质量 {{mass}}；真实质量为 {{trueMass}}。',
  'warn.term-dominates': '“{{term}}”占代价的 {{value}}，其他项不起作用。',
  'warn.cameras-unweighted': '{{value}} 个相机以全权重相加，图像被计 {{value}} 次。',
  'warn.encoder-collapse': '{{feature}} 的嵌入已坍缩：方差 {{value}}，健康值接近 1。',
  'warn.constant-dimensions': '本批中从不变化的维度：{{dimensions}}（共 {{value}} 个），不能区分样本。',
  'warn.diffuse-plan': '计划过散：每行 {{value}} 个匹配（共 {{m}}），代价近似 M 的均值。',
  'cure.prior': '改用 {{prior}}',
  'cure.mass': '调 τ 至质量 {{mass}}',
  'cure.reg': '令 reg = {{reg}}',
  'cure.mode': '求解至最优',
  'cure.term-weight': '权重除以 {{factor}}',
  'cure.camera-weights': '各乘 1/{{count}}',
};
