import { expect, it } from 'vitest';
import { csvOf, metricsOf, tableOf } from '../../../src/store/run-table.ts';
import { metricsAt } from '../../support/saved-run.ts';

const metrics = [1, 2, 3].map(metricsAt);

it('a table of steps gives them back', () => {
  expect(metricsOf(tableOf(metrics))).toEqual(metrics);
  expect(metricsOf(tableOf([]))).toEqual([]);
});

it('a CSV has a row a step, names of the figures and of the fork, and empty cells where there is no figure', () => {
  const [header, ...rows] = csvOf(metrics).split('\n');
  expect(header).toBe('step,bc,transport,weighted,total,value,mass,diagonalMass,perplexity,converged,handedOver,encoderNorm,headNorm,sourceVariance,targetVariance,sourceRank,targetRank,learningRate,lambda,ms,ot_cost/embedding,"ot_cost/hand, ""left""",ot_loss,ot_pi_sum');
  expect(rows).toHaveLength(4);
  expect(rows[1]).toBe(`2,0.5,2.1,0.4,0.9,${-2 / 3},0.11,,2.5,1,,1,2,0.5,0.25,,7.5,0.003,0.1,8.25,2e-7,3,2.1,0.11`);
  expect(rows.slice(0, 3).map((row) => row.split(',').slice(9, 11).join(' '))).toEqual(['1 uncertified', '1 ', '0 ']);
  expect(rows[3]).toBe('');
});

it('a table of an older page says nothing of how a step was solved', () => {
  const { columns, values } = tableOf(metrics);
  const kept = columns.flatMap((column, k) => (['converged', 'handedOver'].includes(column) ? [] : [k]));
  const older = { columns: kept.map((k) => columns[k]!), values: Float64Array.from({ length: kept.length * metrics.length }, (_, at) => values[Math.floor(at / kept.length) * columns.length + kept[at % kept.length]!]!) };
  expect(metricsOf(older)).toEqual(metrics.map((step) => ({ ...step, converged: true, handedOver: null })));
});
