import { describe, expect, test } from 'vitest';
import { CpuAdamW, DEFAULT_ADAMW, clipFactor, type CpuParameter, type OptimiserState } from '../../../src/core/training/adamw.ts';
import { DEFAULT_EMA, emaDecay } from '../../../src/core/training/ema.ts';
import { lambdaAt, rateAt } from '../../../src/training/schedules.ts';
import { AVERAGES, FIGURES, RUN, error, momentScale } from '../../support/training.ts';

/* AdamW, clipping, averages and schedules on the host, against torch. */

const parameters = (): CpuParameter[] => RUN.sizes.map((size, k) => ({ group: RUN.groupOf[k]!, values: RUN.start(k), gradient: new Float32Array(size) }));

describe('AdamW', () => {
  test.each(AVERAGES)('is torch’s over 100 steps: weights, moments, norms, averages of %s decay', (kind, settings) => {
    const tensors = parameters();
    const optimiser = new CpuAdamW(tensors, RUN.groups, RUN.settings, true);
    for (let t = 1; t <= RUN.steps; t++) {
      for (const [k, { gradient }] of tensors.entries()) gradient.set(RUN.gradient(k, t));
      const norms = optimiser.step(t, RUN.rate(t), emaDecay(settings, t));
      const kept = RUN.kept[t];
      if (!kept) continue;
      expect(norms.halted).toBeNull();
      expect(error([norms.total, ...norms.groups], [kept.norm, ...kept.groups])).toBeLessThan(1e-6);
      const { moments } = optimiser.state;
      for (const [k, { values }] of tensors.entries()) {
        expect(error(values, kept.weights[k]!), `weights ${k} at ${t}`).toBeLessThan(1e-6);
        expect(error(moments[k]!.m, kept.m[k]!, momentScale(kept.v[k]!)), `m ${k} at ${t}`).toBeLessThan(1e-6);
        expect(error(moments[k]!.v, kept.v[k]!), `v ${k} at ${t}`).toBeLessThan(1e-6);
      }
    }
    for (const [k, values] of optimiser.state.averages!.entries()) expect(error(values, RUN.averages[kind][k]!)).toBeLessThan(1e-6);
  });

  test.each([Number.NaN, Infinity, -Infinity, 2e15])('a gradient of %d halts it before anything changes, and says where', (value) => {
    const tensors = parameters();
    const optimiser = new CpuAdamW(tensors, RUN.groups, RUN.settings, true);
    const step = (t: number, fault: boolean) => {
      for (const [k, { gradient }] of tensors.entries()) gradient.set(RUN.gradient(k, t));
      if (fault) tensors[2]!.gradient[150] = tensors[3]!.gradient[0] = value;
      return optimiser.step(t, 0.01, 0.5);
    };
    step(1, false);
    const before = tensors.map(({ values }) => values.slice());
    const { state } = optimiser;
    expect(step(2, true).halted).toEqual({ step: 2, parameter: 2 });
    expect(step(3, false).halted).toEqual({ step: 2, parameter: 2 });
    expect(tensors.map(({ values }) => values)).toEqual(before);
    expect(optimiser.state).toEqual(state);
    optimiser.resume();
    expect(step(4, false).halted).toBeNull();
    expect(tensors[0]!.values).not.toEqual(before[0]);
  });

  test('goes on from a saved state to the last bit, and a saved state stays as it was', () => {
    const run = (interrupted: boolean): OptimiserState => {
      const tensors = parameters();
      let optimiser = new CpuAdamW(tensors, RUN.groups, RUN.settings, true);
      for (let t = 1; t <= 6; t++) {
        if (interrupted && t === 4) {
          const { state } = optimiser;
          for (const { gradient } of tensors) gradient.fill(Number.NaN);
          optimiser.step(t, 1, 0);
          optimiser = new CpuAdamW(tensors, RUN.groups, RUN.settings, true);
          optimiser.restore(state);
        }
        for (const [k, { gradient }] of tensors.entries()) gradient.set(RUN.gradient(k, t));
        optimiser.step(t, RUN.rate(t), 0.9);
      }
      return optimiser.state;
    };
    expect(run(true)).toEqual(run(false));
  });

  test('keeps no averages where none are asked for', () => {
    expect(new CpuAdamW(parameters(), RUN.groups, RUN.settings, false).state.averages).toBeNull();
  });

  test('no clipping where none is asked for, and torch’s 1e-6 in the factor', () => {
    expect(clipFactor(50, Infinity)).toBe(1);
    expect(clipFactor(4, 2)).toBe(2 / (4 + 1e-6));
    expect(clipFactor(0, 0)).toBe(0);
    expect(clipFactor(1, 10)).toBe(1);
  });

  test('goes down a bowl', () => {
    const values = Float32Array.of(3, -2);
    const gradient = new Float32Array(2);
    const optimiser = new CpuAdamW([{ group: 0, values, gradient }], [{ name: 'all', rate: 1, weightDecay: 0 }], DEFAULT_ADAMW, false);
    for (let t = 1; t <= 2000; t++) {
      gradient.set([values[0]! - 1, 10 * (values[1]! - 0.5)]);
      optimiser.step(t, 0.01, 0);
    }
    expect(error(values, [1, 0.5])).toBeLessThan(1e-3);
  });
});

test('averages copy at their first two updates, slow down, and stay below their bound', () => {
  const decays = Array.from({ length: 200_000 }, (_, k) => emaDecay(DEFAULT_EMA, k + 1));
  expect(decays.slice(0, 2)).toEqual([0, 0]);
  expect(decays[2]).toBeCloseTo(1 - 2 ** -0.75, 12);
  expect(decays.every((decay, k) => k === 0 || decay >= decays[k - 1]!)).toBe(true);
  expect(emaDecay(DEFAULT_EMA, 1e9)).toBe(0.9999);
});

describe('schedules', () => {
  test('cosine after a warm-up, as diffusers has it', () => {
    const schedule = { kind: 'cosine', warmup: 5, steps: 20 } as const;
    expect(error(FIGURES.schedule.map((_, step) => rateAt(schedule, step)), FIGURES.schedule)).toBeLessThan(1e-9);
    expect(rateAt(schedule, 5)).toBe(1);
    expect(rateAt(schedule, 1000)).toBe(0);
  });
  test('constant, with a warm-up and without', () => {
    expect([0, 1, 4, 5, 1e6].map((step) => rateAt({ kind: 'constant', warmup: 5, steps: 20 }, step))).toEqual([0, 0.2, 0.8, 1, 1]);
    expect(rateAt({ kind: 'constant', warmup: 0, steps: 0 }, 0)).toBe(1);
    expect(rateAt({ kind: 'cosine', warmup: 0, steps: 0 }, 0)).toBe(1);
  });
  test('λ at once, or on a ramp', () => {
    expect([0, 7].map((step) => lambdaAt({ kind: 'constant' }, step))).toEqual([1, 1]);
    expect([0, 5, 10, 11].map((step) => lambdaAt({ kind: 'ramp', steps: 10 }, step))).toEqual([0, 0.5, 1, 1]);
    expect([0, 1].map((step) => lambdaAt({ kind: 'ramp', steps: 0 }, step))).toEqual([0, 1]);
  });
});
