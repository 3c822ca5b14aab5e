import { BIN } from './task.ts';
import type { Domain } from './domains.ts';

/**
 * What the camera shows before anything moves: for every pixel where it looks, how bright the light is there, and the
 * table with the bin. Drawn once for a domain and a size and kept, because frames of one size are asked for in a row.
 */
export interface Backdrop {
  /** Table coordinates that a pixel looks at; height × width, row-major. */
  readonly x: Float64Array;
  readonly y: Float64Array;
  /** Factor on the colour at a pixel. */
  readonly light: Float64Array;
  /** Table and bin, RGB in [0, 1] before light; height × width × 3. */
  readonly colour: Float64Array;
  /** Width over which an edge fades, in table units: about one pixel. */
  readonly soft: number;
}

/** What a camera without shift sees: x ∈ [−1, 1], y from 1.15 (top row) down to −0.35 (bottom row). */
const VIEW_WIDTH = 2;
const VIEW_HEIGHT = 1.5;
const TOP = 1.15;
const CENTRE_Y = 0.4;

/** The fade of edges in the policy's frames, and the size of those frames. */
const POLICY_SOFT = 0.045;
const POLICY_SIDE = 32;

const KEPT_SIZES = 4;
const kept = new WeakMap<Domain, Map<string, Backdrop>>();

/** The backdrop of a domain at a size. Shared between calls: read only. */
export function backdrop(domain: Domain, width: number, height: number): Backdrop {
  let sizes = kept.get(domain);
  if (sizes === undefined) kept.set(domain, (sizes = new Map()));
  const key = `${width}x${height}`;
  let found = sizes.get(key);
  if (found === undefined) {
    found = drawBackdrop(domain, width, height);
    const [oldest] = sizes.keys();
    if (oldest !== undefined && sizes.size >= KEPT_SIZES) sizes.delete(oldest);
    sizes.set(key, found);
  }
  return found;
}

/**
 * How much of a pixel a shape covers, from the distance of the pixel's centre to the shape's edge: 1 well inside
 * (negative distances), 0 well outside, linear over `soft` in between.
 */
export function coverage(toEdge: number, soft: number): number {
  const share = 0.5 - toEdge / soft;
  return share <= 0 ? 0 : share >= 1 ? 1 : share;
}

function drawBackdrop(domain: Domain, width: number, height: number): Backdrop {
  const { x, y, light, soft } = look(domain, width, height);
  const colour = new Float64Array(3 * x.length);
  for (let k = 0; k < x.length; k++) {
    const wx = x[k]!;
    const wy = y[k]!;
    const grain =
      domain.texture * Math.sin(14 * wy + 3 * Math.sin(4 * wx)) * 0.6 + domain.texture * 0.4 * Math.sin(37 * wy);
    const bin = coverage(Math.max(Math.abs(wx - BIN.x) - 0.16, Math.abs(wy - BIN.y) - 0.1), soft);
    for (let c = 0; c < 3; c++) {
      colour[3 * k + c] = (domain.table[c]! + grain) * (1 - bin) + domain.bin[c]! * bin;
    }
  }
  return { x, y, light, colour, soft };
}

/**
 * Where every pixel looks.
 *
 * Pixel centres run from edge to edge of the view (the first and last row and column lie on it). The height of the
 * view is fixed. A frame of 4:3 or wider has square pixels and sees more table to both sides; a narrower one
 * squeezes the whole width into itself, as the policy's square frames do.
 */
function look(domain: Domain, width: number, height: number): Omit<Backdrop, 'colour'> {
  const rowStep = VIEW_HEIGHT / (height - 1);
  const span = Math.max(VIEW_WIDTH, rowStep * (width - 1));
  const columnStep = span / (width - 1);
  // Edges fade over the same share of a pixel at every size; the geometric mean serves pixels that are not square.
  const policyPixel = Math.sqrt(VIEW_WIDTH * VIEW_HEIGHT) / (POLICY_SIDE - 1);
  const soft = POLICY_SOFT * (Math.sqrt(columnStep * rowStep) / policyPixel);
  const cosine = Math.cos(domain.rotation);
  const sine = Math.sin(domain.rotation);
  const x = new Float64Array(width * height);
  const y = new Float64Array(width * height);
  const light = new Float64Array(width * height);
  for (let row = 0; row < height; row++) {
    const planeY = TOP - row * rowStep;
    const py = (planeY - CENTRE_Y - domain.shiftY) / domain.zoom;
    for (let column = 0; column < width; column++) {
      const planeX = column * columnStep - span / 2;
      const px = (planeX - domain.shiftX) / domain.zoom;
      const k = row * width + column;
      x[k] = cosine * px + sine * py;
      y[k] = cosine * py - sine * px + CENTRE_Y;
      light[k] = 1 + domain.light * (planeX * 0.6 + planeY * 0.4 - 0.2);
    }
  }
  return { x, y, light, soft };
}
