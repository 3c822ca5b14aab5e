import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { BASE, distance, elbow, fk, ik } from '../../../src/world/arm.ts';

const point = fc.record({
  x: fc.double({ min: -1, max: 1, noNaN: true }),
  y: fc.double({ min: -0.2, max: 1.1, noNaN: true }),
});

describe('kinematics of the arm', () => {
  it('fk undoes ik wherever the arm reaches', () => {
    fc.assert(
      fc.property(
        point.filter((tip) => distance(tip, BASE) > 0.09 && distance(tip, BASE) < 1.44),
        (tip) => {
          expect(distance(fk(ik(tip)), tip)).toBeLessThan(1e-9);
        },
      ),
    );
  });

  it('stretches towards a point out of reach', () => {
    const far = { x: 3, y: 2.75 };
    const tip = fk(ik(far));
    expect(distance(tip, BASE)).toBeCloseTo(1.449, 9);
    expect(Math.atan2(tip.y - BASE.y, tip.x - BASE.x)).toBeCloseTo(Math.PI / 4, 9);
  });

  it('keeps both links as long as they are', () => {
    fc.assert(
      fc.property(point, (tip) => {
        const joints = ik(tip);
        expect(distance(BASE, elbow(joints))).toBeCloseTo(0.75, 12);
        expect(distance(elbow(joints), fk(joints))).toBeCloseTo(0.7, 12);
      }),
    );
  });

  it('agrees with the NumPy prototype', () => {
    const joints = ik({ x: 0.3, y: 0.7 });
    expect(joints.q1).toBeCloseTo(0.48742894, 8);
    expect(joints.q2).toBeCloseTo(1.62797033, 8);
    expect(elbow(joints).x).toBeCloseTo(0.66265496, 8);
    expect(elbow(joints).y).toBeCloseTo(0.10126685, 8);
  });
});
