import { assert } from '../base/assert.ts';
import { Random } from '../base/random.ts';
import { BASE, elbow, ik, type Point } from './arm.ts';
import type { Colour, Domain } from './domains.ts';
import type { WorldState } from './task.ts';
import { type Backdrop, backdrop, coverage } from './view.ts';

/** All that a frame shows. */
export type FrameState = Pick<WorldState, 'ee' | 'grip' | 'obj'>;

/** Sizes of what moves, in table units. */
const OBJECT_RADIUS = 0.105;
const UPPER_ARM_RADIUS = 0.055;
const FOREARM_RADIUS = 0.045;
const GRIPPER_HALF_WIDTH = 0.022;
/** Radius of the gripper's ring: this when open, `GRIPPER_CLOSES` less when closed. */
const GRIPPER_RADIUS = 0.1;
const GRIPPER_CLOSES = 0.05;

/**
 * Draw a frame: table, bin, disc, arm, gripper (in this order), then light, then noise.
 *
 * Everything is a distance to a shape, so a frame has no native resolution: 32 × 32 is what the policy sees, and any
 * larger size shows the same world with finer edges. Returns RGBA bytes, height × width × 4, alpha 255, as ImageData
 * wants them. `noiseSeed` null leaves the camera noise out (for people, and for comparing pixels); the same seed
 * gives the same noise. Width and height are at least 2.
 */
export function renderFrame(
  domain: Domain,
  state: FrameState,
  width: number,
  height: number,
  noiseSeed: number | null,
): Uint8ClampedArray<ArrayBuffer> {
  assert(width >= 2 && height >= 2, 'a frame has at least 2 × 2 pixels');
  const view = backdrop(domain, width, height);
  const image = view.colour.slice();
  drawDisc(image, view, state.obj, domain.object);
  drawArm(image, view, state.ee, domain.arm);
  drawRing(image, view, state.ee, GRIPPER_RADIUS - GRIPPER_CLOSES * state.grip, domain.gripper);
  return develop(image, view.light, noiseSeed === null ? 0 : domain.noise, new Random(noiseSeed ?? 0));
}

function drawDisc(image: Float64Array, view: Backdrop, centre: Point, colour: Colour): void {
  const { x, y, soft } = view;
  const reach = (OBJECT_RADIUS + soft) ** 2;
  for (let k = 0; k < x.length; k++) {
    const dx = x[k]! - centre.x;
    const dy = y[k]! - centre.y;
    const square = dx * dx + dy * dy;
    if (square < reach) blend(image, k, colour, coverage(Math.sqrt(square) - OBJECT_RADIUS, soft));
  }
}

function drawRing(image: Float64Array, view: Backdrop, centre: Point, radius: number, colour: Colour): void {
  const { x, y, soft } = view;
  const reach = (radius + GRIPPER_HALF_WIDTH + soft) ** 2;
  for (let k = 0; k < x.length; k++) {
    const dx = x[k]! - centre.x;
    const dy = y[k]! - centre.y;
    const square = dx * dx + dy * dy;
    if (square >= reach) continue;
    blend(image, k, colour, coverage(Math.abs(Math.sqrt(square) - radius) - GRIPPER_HALF_WIDTH, soft));
  }
}

/** Both links at once: where they overlap at the elbow, the edge must not be blended twice. */
function drawArm(image: Float64Array, view: Backdrop, tip: Point, colour: Colour): void {
  const { x, y, soft } = view;
  const middle = elbow(ik(tip));
  const upper = segmentDistance(BASE, middle);
  const fore = segmentDistance(middle, tip);
  const upperReach = (UPPER_ARM_RADIUS + soft) ** 2;
  const foreReach = (FOREARM_RADIUS + soft) ** 2;
  for (let k = 0; k < x.length; k++) {
    const px = x[k]!;
    const py = y[k]!;
    const a = upper(px, py);
    const b = fore(px, py);
    if (a >= upperReach && b >= foreReach) continue;
    const toEdge = Math.min(Math.sqrt(a) - UPPER_ARM_RADIUS, Math.sqrt(b) - FOREARM_RADIUS);
    blend(image, k, colour, coverage(toEdge, soft));
  }
}

/** Squared distance from (px, py) to the segment from `a` to `b`. */
function segmentDistance(a: Point, b: Point): (px: number, py: number) => number {
  const abx = b.x - a.x;
  const aby = b.y - a.y;
  const square = Math.max(abx * abx + aby * aby, 1e-9);
  return (px, py) => {
    const t = ((px - a.x) * abx + (py - a.y) * aby) / square;
    const along = t <= 0 ? 0 : t >= 1 ? 1 : t;
    const dx = px - (a.x + along * abx);
    const dy = py - (a.y + along * aby);
    return dx * dx + dy * dy;
  };
}

function blend(image: Float64Array, pixel: number, colour: Colour, share: number): void {
  if (share === 0) return;
  const at = 3 * pixel;
  image[at] = image[at]! * (1 - share) + colour[0] * share;
  image[at + 1] = image[at + 1]! * (1 - share) + colour[1] * share;
  image[at + 2] = image[at + 2]! * (1 - share) + colour[2] * share;
}

/** Light, noise, and bytes (cut off, not rounded). */
function develop(
  image: Float64Array,
  light: Float64Array,
  noise: number,
  random: Random,
): Uint8ClampedArray<ArrayBuffer> {
  const bytes = new Uint8ClampedArray(4 * light.length);
  for (let k = 0; k < light.length; k++) {
    const bright = light[k]!;
    for (let c = 0; c < 3; c++) {
      let value = image[3 * k + c]! * bright;
      if (noise > 0) value += noise * deviate(random);
      bytes[4 * k + c] = Math.floor(255 * value);
    }
    bytes[4 * k + 3] = 255;
  }
  return bytes;
}

/**
 * Roughly normal, mean 0, variance 1, within ±3.5: the sum of the four bytes of one random word. Camera noise needs
 * three values a pixel and a rollout draws thousands of frames; this is ten times as fast as a true normal deviate
 * and integer arithmetic until the last step.
 */
function deviate(random: Random): number {
  const word = random.uint32();
  const sum = (word & 255) + ((word >>> 8) & 255) + ((word >>> 16) & 255) + (word >>> 24);
  return (sum - 510) / 147.80053; // 510 = 4 · 255 / 2; 147.8² = 4 · (256² − 1) / 12
}
