/**
 * The planar two-link arm: where it stands, how long its links are, and its kinematics.
 *
 * Lengths are in table units: the camera sees x ∈ [−1, 1] and y ∈ [−0.35, 1.15]. Angles are in radians.
 */

/** A point on the table, or a displacement. */
export interface Point {
  readonly x: number;
  readonly y: number;
}

/** Joint angles: `q1` of the upper arm against the x axis, `q2` of the forearm against the upper arm. */
export interface Joints {
  readonly q1: number;
  readonly q2: number;
}

const UPPER_ARM = 0.75;
const FOREARM = 0.7;

/** The shoulder. It sits below the table's lower edge, so that the arm reaches into the picture. */
export const BASE: Point = { x: 0, y: -0.25 };

/** The arm folds or stretches no further than this, so that `ik` is smooth over the whole table. */
const SHORTEST_REACH = 0.08;
const LONGEST_REACH = UPPER_ARM + FOREARM - 1e-3;

/** √(x² + y²). Not Math.hypot, whose last bit differs between engines (and which is slow). */
export function norm(x: number, y: number): number {
  return Math.sqrt(x * x + y * y);
}

/** |a − b|. */
export function distance(a: Point, b: Point): number {
  return norm(a.x - b.x, a.y - b.y);
}

/** `value`, moved into [low, high]. */
export function clamp(value: number, low: number, high: number): number {
  return Math.min(high, Math.max(low, value));
}

/**
 * Joint angles that bring the end effector to `tip` (elbow to the right of the line shoulder–tip; q2 ∈ [0, π]).
 *
 * Law of cosines: cos q2 = (r² − L1² − L2²) / (2·L1·L2), q1 = atan2(d) − atan2(L2 sin q2, L1 + L2 cos q2), with
 * d = tip − base and r = |d| clipped to what the arm reaches.
 */
export function ik(tip: Point): Joints {
  const dx = tip.x - BASE.x;
  const dy = tip.y - BASE.y;
  const r = clamp(norm(dx, dy), SHORTEST_REACH, LONGEST_REACH);
  const cosine = (r * r - UPPER_ARM * UPPER_ARM - FOREARM * FOREARM) / (2 * UPPER_ARM * FOREARM);
  const q2 = Math.acos(clamp(cosine, -1, 1));
  const q1 = Math.atan2(dy, dx) - Math.atan2(FOREARM * Math.sin(q2), UPPER_ARM + FOREARM * Math.cos(q2));
  return { q1, q2 };
}

/** Where the elbow is: base + L1·(cos q1, sin q1). */
export function elbow({ q1 }: Joints): Point {
  return { x: BASE.x + UPPER_ARM * Math.cos(q1), y: BASE.y + UPPER_ARM * Math.sin(q1) };
}

/** Where the end effector is: elbow + L2·(cos(q1 + q2), sin(q1 + q2)). The inverse of `ik` within reach. */
export function fk(joints: Joints): Point {
  const from = elbow(joints);
  const angle = joints.q1 + joints.q2;
  return { x: from.x + FOREARM * Math.cos(angle), y: from.y + FOREARM * Math.sin(angle) };
}
