import { describe, expect, test } from 'vitest';
import { Random } from '../../../src/base/random.ts';
import { embedColumn, embedKeys, type BatchSide, type FeatureSpec } from '../../../src/core/cost/features.ts';
import { checkSpecs, combineTerms, costTerms, normalisationScale, relativeVariance, squaredDistances, termShares } from '../../../src/core/cost/terms.ts';
import { solve } from '../../../src/core/ot/solve.ts';
import { labelSpec, side, sideOf } from '../../support/cost.ts';
import { expectClose, makeProblem, sumOf } from '../../support/ot.ts';

describe('one term', () => {
  test('‖y_i − y′_j‖², times weight_label but not term_weight', () => {
    const [term] = costTerms([labelSpec({ weight_label: 2, term_weight: 10 })], sideOf([[0, 0], [1, 1]]), sideOf([[3, 4], [1, 0], [1, 1]]));
    expect([...term!.cost]).toEqual([50, 2, 4, 26, 2, 0]);
    expect(term).toMatchObject({ name: 'state', weight: 10, mean: 14, max: 50 });
  });

  test('learned embedding off: weight_embed counts for nothing', () => {
    const terms = costTerms([labelSpec({ weight_embed: 7 })], sideOf([[0], [2]]), sideOf([[1]]));
    expect([...terms[0]!.cost]).toEqual([1, 1]);
  });

  test('the two sides may call the column differently', () => {
    const terms = costTerms([labelSpec({ src_key: 'a', tgt_key: 'b' })], sideOf([[1]], 'a'), sideOf([[4]], 'b'));
    expect([...terms[0]!.cost]).toEqual([9]);
  });

  test('constant dimensions vary on neither side, and keep their number in the column under a slice', () => {
    const source = sideOf([[1, 5, 0, 2], [2, 5, 0, 2]]);
    const target = sideOf([[1, 5, 0, 9], [1, 5, 1, 9]]);
    const names = (dim_slice: [number, number] | null): readonly string[] => costTerms([labelSpec({ dim_slice })], source, target)[0]!.constantDimensions;
    expect(names(null)).toEqual(['observation.state[1]', 'observation.state[3]']);
    expect(names([1, 3])).toEqual(['observation.state[1]']);
    expect(costTerms([labelSpec()], sideOf([[1, 2]]), sideOf([[1, 2]]))[0]!.constantDimensions).toEqual([]);
  });
});

test('distances keep their digits where |x| = 1000 is large against them', () => {
  const random = new Random(5);
  const offset = 1e3;
  const step = (): number => Math.round(random.between(-8, 8)) / 2 ** 30;
  const left = Float64Array.from({ length: 40 }, () => offset + step());
  const right = Float64Array.from({ length: 48 }, () => offset + step());
  const cost = squaredDistances({ values: left, width: 8 }, { values: right, width: 8 });
  for (let i = 0; i < 5; i++)
    for (let j = 0; j < 6; j++) {
      // Offsets are multiples of 2⁻³⁰ here, so that differences, and this sum, are exact.
      const truth = sumOf(Array.from({ length: 8 }, (_, d) => ((left[i * 8 + d]! - offset) - (right[j * 8 + d]! - offset)) ** 2));
      expectClose(cost[i * 6 + j]!, truth, 1e-14);
    }
});

describe('several terms', () => {
  const source = { count: 2, columns: new Map([...sideOf([[0], [1]], 'p').columns, ...sideOf([[0, 0], [3, 4]], 'q').columns]) };
  const terms = costTerms([labelSpec({ term_name: 'p', src_key: 'p', tgt_key: 'p', term_weight: 2 }), labelSpec({ term_name: 'q', src_key: 'q', tgt_key: 'q', term_weight: 0.1 })], source, source);

  test('M = Σ term_weight·M_term', () => expect([...combineTerms(terms)]).toEqual([0, 4.5, 4.5, 0]));

  test('shares of ⟨π,M⟩ sum to 1 and follow the plan', () => {
    const shares = termShares(terms, Float64Array.of(0.3, 0.2, 0.1, 0));
    expectClose(shares.get('p')!, 2 / 4.5, 1e-12);
    expectClose(sumOf(shares.values()), 1, 1e-12);
    const problem = makeProblem(2, 2, { cost: combineTerms(terms) });
    expectClose(sumOf(termShares(terms, solve(problem, { mode: 'fast' }).plan).values()), 1, 1e-12);
    expect(termShares(terms, new Float64Array(4)).get('p')).toBeNaN();
  });
});

describe('normalisation', () => {
  const cost = Float64Array.of(1, 2, 3, 10);
  test.each([['none', 1], ['max', 10], ['median', 2.5], ['std', Math.sqrt(12.5)]] as const)('%s', (kind, scale) => expectClose(normalisationScale(cost, kind), scale, 1e-15));
  test.each(['std', 'max', 'median'] as const)('%s of zeros is refused', (kind) => {
    expect(() => normalisationScale(new Float64Array(4), kind)).toThrow(expect.objectContaining({ code: 'flat-cost', message: `The ${kind} of the cost matrix is 0, so it cannot be divided by it. Use no normalisation, or features that differ.` }));
  });
  test('a constant cost has a largest entry but no spread', () => {
    const flat = new Float64Array(4).fill(3);
    expect(normalisationScale(flat, 'max')).toBe(3);
    expect(() => normalisationScale(flat, 'std')).toThrow('The std of the cost matrix is 0');
  });
});

const EMBEDDED = { use_learned_embed: true, weight_embed: 0.5, embed: { file: 'e.onnx', input: 'x', output: 'z', others: [] } } as const;

describe('embeddings', () => {
  const z = (width: number, ...values: readonly number[]): { values: Float32Array; width: number } => ({ values: Float32Array.from(values), width });

  test('M_term = weight_embed·‖z − z′‖² + weight_label·‖y − y′‖²', () => {
    const spec = labelSpec({ ...EMBEDDED, weight_label: 10 });
    const terms = costTerms([spec], sideOf([[0], [1]]), sideOf([[1]]), new Map([['state', { source: z(2, 0, 0, 3, 4), target: z(2, 0, 2) }]]));
    expect([...terms[0]!.cost]).toEqual([0.5 * 4 + 10, 0.5 * 13]);
  });

  test('a slice touches labels and never embeddings', () => {
    const spec = labelSpec({ ...EMBEDDED, weight_label: 0, dim_slice: [5, 9] });
    const terms = costTerms([spec], sideOf([[0, 7]]), sideOf([[1, 8]]), new Map([['state', { source: z(2, 0, 0), target: z(2, 3, 4) }]]));
    expect([...terms[0]!.cost]).toEqual([12.5]);
    expect(terms[0]!.constantDimensions).toEqual([]);
  });

  test('widths that differ between the sides are named with file and keys', () => {
    const spec = labelSpec({ ...EMBEDDED, tgt_key: 'observation.state', weight_label: 0 });
    expect(() => costTerms([spec], sideOf([[0]]), sideOf([[1]]), new Map([['state', { source: z(2, 0, 0), target: z(3, 1, 2, 3) }]]))).toThrow(
      expect.objectContaining({ code: 'width-mismatch', message: expect.stringContaining('e.onnx makes 2 values of a source frame and 3 of a target frame') as string }),
    );
  });

  test('a constant encoder has relative variance 0, one with mean 0 has 1, at any scale', () => {
    expect(relativeVariance(z(2, 3, 4, 3, 4))).toBe(0);
    expect(relativeVariance(z(1, -1, 1, -1, 1))).toBe(1);
    expectClose(relativeVariance(z(2, 1, 2, 3, 5)), relativeVariance(z(2, 100, 200, 300, 500)), 1e-12);
    expect(relativeVariance(z(1, 0, 0))).toBe(0);
  });

  test('what an encoder is fed: the time step chosen, nothing that is no number', () => {
    const stacked: BatchSide = { count: 2, columns: new Map([['k', { values: Float64Array.from({ length: 12 }, (_, k) => k), shape: [3, 2] }]]) };
    const feed = (over: Partial<FeatureSpec>): unknown => embedColumn(labelSpec({ ...EMBEDDED, ...over }), 'source', 'k', stacked);
    expect(feed({})).toMatchObject({ shape: [3, 2] });
    expect(feed({ time_reduce: 'last' })).toEqual({ shape: [2], values: Float64Array.of(4, 5, 10, 11) });
    // Of a window one step: the last unless the first is asked for.
    stacked.columns.set('k', { ...stacked.columns.get('k')!, windowed: true });
    for (const time_reduce of ['last', 'flatten'] as const) expect(feed({ time_reduce })).toEqual({ shape: [2], values: Float64Array.of(4, 5, 10, 11) });
    expect(feed({ time_reduce: 'first' })).toEqual({ shape: [2], values: Float64Array.of(0, 1, 6, 7) });
    stacked.columns.set('k', { shape: [3, 2], values: stacked.columns.get('k')!.values });
    stacked.columns.get('k')!.values[7] = Number.NaN;
    expect(() => feed({})).toThrow(expect.objectContaining({ code: 'non-finite', message: expect.stringContaining('dimension 1 of sample 1') as string }));
    expect(() => embedColumn(labelSpec(EMBEDDED), 'target', 'nothing', stacked)).toThrow(expect.objectContaining({ code: 'missing-key' }));
  });

  test('every input of an encoder has its key on either side', () => {
    const spec = labelSpec({ ...EMBEDDED, src_key: 'a', tgt_key: 'b', embed: { ...EMBEDDED.embed, others: [{ input: 'w', src_key: 'c', tgt_key: 'd' }] } });
    expect(embedKeys(spec, 'source')).toEqual([['x', 'a'], ['w', 'c']]);
    expect(embedKeys(spec, 'target')).toEqual([['x', 'b'], ['w', 'd']]);
    expect(embedKeys(labelSpec(), 'source')).toEqual([]);
  });
});

describe('specs that mean nothing', () => {
  test.each([
    [[], 'no-terms', 'The cost has no terms, so nothing can be compared. Add a term.'],
    [[labelSpec(), labelSpec()], 'duplicate-term', 'Two terms are called "state". Give each its own name: the LeRobot fork would let the last one overwrite the first.'],
    [[labelSpec({ weight_label: 0 })], 'no-weight', 'The term "state" has weight_embed 0 and weight_label 0, so it measures nothing. Give one of them a weight, or leave the term out.'],
    [[labelSpec({ weight_label: 0, weight_embed: 1 })], 'no-weight', 'The term "state" has weight_label 0 and no learned embedding, so it measures nothing. Set weight_label, or leave the term out.'],
    [[labelSpec({ weight_label: -1 })], 'bad-weight', 'weight_label of the term "state" is -1; it must be finite and not negative.'],
    [[labelSpec({ weight_embed: Number.NaN })], 'bad-weight', 'weight_embed of the term "state" is NaN; it must be finite and not negative.'],
    [[labelSpec({ term_weight: Infinity })], 'bad-weight', 'term_weight of the term "state" is Infinity; it must be finite and not negative.'],
    [[labelSpec({ use_learned_embed: true, weight_embed: 1 })], 'no-encoder', 'The term "state" asks for an embedding of "observation.state", but no encoder serves that key. Choose one for it, or set weight_embed to 0 and compare raw values by weight_label.'],
  ])('%#: %s', (specs, code, message) => {
    expect(() => checkSpecs(specs)).toThrow(expect.objectContaining({ code, message }));
    expect(() => costTerms(specs, side(2, [3]), side(2, [3]))).toThrow(expect.objectContaining({ code, message }));
  });

  test('an embedding alone is a term', () => expect(() => checkSpecs([labelSpec({ ...EMBEDDED, weight_label: 0 })])).not.toThrow());

  test('an embedding with weight 0 asks for no encoder', () => expect(() => checkSpecs([labelSpec({ use_learned_embed: true })])).not.toThrow());
});

describe('widths that differ', () => {
  test('both counts, both shapes, both keys and what would work', () => {
    expect(() => costTerms([labelSpec()], side(4, [2, 7]), side(5, [6]))).toThrow(
      expect.objectContaining({
        code: 'width-mismatch',
        message: 'The source has 14 values per frame and the target has 6 in "observation.state", so the term "state" has no distance. Slice both to the first 6, or leave the term out.',
        detail: { term: 'state', source: 'observation.state · (4, 2, 7)', target: 'observation.state · (5, 6)', setting: 'dim_slice = null', common: '6' },
      }),
    );
    expect(() => costTerms([labelSpec({ src_key: 'a', tgt_key: 'b' })], side(2, [3], 0, 'a'), side(2, [2], 0, 'b'))).toThrow('in "a" and "b", so the term');
  });
  test('the slice that it proposes works', () => {
    expect(costTerms([labelSpec({ dim_slice: [0, 6] })], side(4, [7]), side(5, [6]))).toHaveLength(1);
  });
});
