/**
 * The two looks of the same table. Colours are linear mixes of RGB in [0, 1].
 */
export type Colour = readonly [red: number, green: number, blue: number];

export interface Domain {
  readonly kind: 'sim' | 'real';
  /** Camera: rotation (radians) and zoom about the point (0, 0.4), then a shift (table units). */
  readonly rotation: number;
  readonly zoom: number;
  readonly shiftX: number;
  readonly shiftY: number;
  readonly table: Colour;
  readonly bin: Colour;
  readonly object: Colour;
  readonly arm: Colour;
  readonly gripper: Colour;
  /** Amplitude of the wood grain. */
  readonly texture: number;
  /** Strength of the light gradient (brighter to the right and to the back). */
  readonly light: number;
  /** Standard deviation of the camera noise, as a share of full brightness. */
  readonly noise: number;
}

export const SIM: Domain = {
  kind: 'sim',
  rotation: 0,
  zoom: 1,
  shiftX: 0,
  shiftY: 0,
  table: [0.86, 0.88, 0.92],
  bin: [0.55, 0.62, 0.72],
  object: [0.88, 0.15, 0.18],
  arm: [0.25, 0.3, 0.38],
  gripper: [0.1, 0.1, 0.12],
  texture: 0,
  light: 0,
  noise: 0.01,
};

/**
 * The real table. `strength` ∈ [0, 1] is how far the appearance has moved away from sim, `camera` ∈ [0, 1] how far the
 * camera has (0.2: rotated by 2.5°, zoomed by −2.4 %). realDomain(0, 0) looks like SIM.
 */
export function realDomain(strength: number, camera: number): Domain {
  const mix = (sim: Colour, real: Colour): Colour => [
    (1 - strength) * sim[0] + strength * real[0],
    (1 - strength) * sim[1] + strength * real[1],
    (1 - strength) * sim[2] + strength * real[2],
  ];
  return {
    kind: 'real',
    rotation: 0.22 * camera,
    zoom: 1 - 0.12 * camera,
    shiftX: 0.07 * camera,
    shiftY: -0.05 * camera,
    table: mix(SIM.table, [0.5, 0.33, 0.2]),
    bin: mix(SIM.bin, [0.22, 0.16, 0.12]),
    object: mix(SIM.object, [0.2, 0.55, 0.3]),
    arm: mix(SIM.arm, [0.8, 0.8, 0.78]),
    gripper: mix(SIM.gripper, [0.95, 0.9, 0.6]),
    texture: 0.1 * strength,
    light: 0.25 * strength,
    noise: 0.01 + 0.01 * strength,
  };
}

/** The real table as the demo uses it. */
export const REAL: Domain = realDomain(1, 0.2);
