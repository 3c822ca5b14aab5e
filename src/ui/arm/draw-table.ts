import { BASE, BIN, elbow, GOALS, ik, REGION_EDGES } from '../../engine/client.ts';
import type { ArmState, DriveRegion } from '../../engine/protocol.ts';
import type { DriveGroup } from '../../store/rollout-shelf.ts';
import { token } from '../charts/colours.ts';

/** What the camera sees of the table without its shift: x ∈ [−1, 1], and y from here down. */
const TOP = 1.15;
/** Height over width. */
export const TABLE_ASPECT = 0.75;

/** Half the bin's sides, and the radii of the disc and of the gripper's ring open and closed, as the cameras show them. */
const BIN_HALF = { x: 0.16, y: 0.1 };
const DISC = 0.105;
const GRIPPER = { open: 0.1, closed: 0.05 };

/** What is drawn of a drive. */
export interface TableScene {
  readonly groups: readonly DriveGroup[];
  /** Control step that is shown; the end where it is beyond. */
  readonly time: number;
  /** The attempt that is drawn as a whole arm. */
  readonly chosen: { readonly region: DriveRegion; readonly attempt: number };
  /** Nothing moves any more: what is not in the bin then has failed. */
  readonly over: boolean;
  /** Whether arms are drawn, or discs alone. */
  readonly arms: boolean;
  readonly words: Readonly<Record<DriveRegion | 'bin', string>>;
}

/** Where a mark is for who clicks, in table units. */
export interface MarkPlace {
  readonly region: DriveRegion;
  readonly attempt: number;
  readonly x: number;
  readonly y: number;
}

/** The state of each attempt at a control step, or at the last one that is there. */
export const statesAt = ({ steps }: DriveGroup, time: number): readonly ArmState[] => steps[Math.min(time, steps.length - 1)] ?? [];

/** Places of all discs at their start, and of end effectors at a time. */
export function marks(groups: readonly DriveGroup[], time: number): MarkPlace[] {
  return groups.flatMap((group) => [...(group.steps[0] ?? []).map((state, attempt) => ({ region: group.region, attempt, x: state.discX, y: state.discY })), ...statesAt(group, time).map((state, attempt) => ({ region: group.region, attempt, x: state.x, y: state.y }))]);
}

/** A point of the picture (CSS pixels) in table units. */
export const toTable = (x: number, y: number, width: number): { x: number; y: number } => ({ x: (2 * x) / width - 1, y: TOP - (2 * y) / width });

/** Draw the table from above into a canvas of width × TABLE_ASPECT·width CSS pixels. @param font size of the labels, CSS pixels */
export function drawTable(context: CanvasRenderingContext2D, width: number, density: number, font: number, scene: TableScene): void {
  const unit = width / 2;
  const x = (value: number): number => (value + 1) * unit;
  const y = (value: number): number => (TOP - value) * unit;
  context.setTransform(density, 0, 0, density, 0, 0);
  context.clearRect(0, 0, width, width * TABLE_ASPECT);
  context.font = `${font}px ${getComputedStyle(document.body).fontFamily}`;
  context.lineJoin = context.lineCap = 'round';
  drawPlaces(context, x, y, unit);
  for (const group of scene.groups) drawTrails(context, group, scene, x, y);
  for (const group of scene.groups) drawMarks(context, group, scene, x, y, unit);
  const chosen = scene.groups.find(({ region }) => region === scene.chosen.region);
  const state = chosen && statesAt(chosen, scene.time)[scene.chosen.attempt];
  if (state && scene.arms) drawArm(context, state, x, y, unit);
  drawNames(context, scene.words, font, x, y);
}

type Place = (value: number) => number;

/** Regions, whose edges differ in colour and dash, and the bin. */
function drawPlaces(context: CanvasRenderingContext2D, x: Place, y: Place, unit: number): void {
  const region = (bottom: number, top: number, colour: string, dash: number[]): void => {
    const box = [x(GOALS.left), y(top), (GOALS.right - GOALS.left) * unit, (top - bottom) * unit] as const;
    context.strokeStyle = context.fillStyle = token(colour);
    context.globalAlpha = 0.1;
    context.fillRect(...box);
    context.globalAlpha = 1;
    context.lineWidth = 1;
    context.setLineDash(dash);
    context.strokeRect(...box);
    context.setLineDash([]);
  };
  region(REGION_EDGES.upper, GOALS.top, 'src', [4, 3]);
  region(GOALS.bottom, REGION_EDGES.lower, 'tgt', []);
  context.strokeStyle = token('edge');
  context.strokeRect(x(BIN.x - BIN_HALF.x), y(BIN.y + BIN_HALF.y), 2 * BIN_HALF.x * unit, 2 * BIN_HALF.y * unit);
}

/** Names beside the regions and in the bin, rimmed with the ground: arms pass everywhere. */
function drawNames(context: CanvasRenderingContext2D, words: TableScene['words'], font: number, x: Place, y: Place): void {
  const name = (text: string, left: number, base: number, colour: string): void => {
    context.lineWidth = 3;
    context.strokeStyle = token('sunk');
    context.strokeText(text, left, base);
    context.fillStyle = token(colour);
    context.fillText(text, left, base);
  };
  name(words.upper, x(GOALS.left), y(GOALS.top) - 4, 'src');
  name(words.lower, x(GOALS.left), y(GOALS.bottom) + font + 2, 'tgt');
  name(words.bin, x(BIN.x) - context.measureText(words.bin).width / 2, y(BIN.y) + font / 3, 'mut');
}

function drawTrails(context: CanvasRenderingContext2D, { region, steps }: DriveGroup, { time, chosen, arms }: TableScene, x: Place, y: Place): void {
  if (!arms) return;
  const shown = steps.slice(0, time + 1);
  const trail = (attempt: number): void => {
    context.beginPath();
    for (const states of shown) context.lineTo(x(states[attempt]!.x), y(states[attempt]!.y));
    context.stroke();
  };
  context.strokeStyle = token('ink');
  context.globalAlpha = 0.22;
  context.lineWidth = 1;
  for (let attempt = 0; attempt < (steps[0]?.length ?? 0); attempt++) trail(attempt);
  context.globalAlpha = 1;
  if (chosen.region !== region || chosen.attempt >= (steps[0]?.length ?? 0)) return;
  context.strokeStyle = token('acc');
  context.lineWidth = 1.5;
  trail(chosen.attempt);
}

/** Discs where they lay: filled once in the bin, crossed once it is too late; end effectors, filled while they carry. */
function drawMarks(context: CanvasRenderingContext2D, group: DriveGroup, { time, chosen, over, arms }: TableScene, x: Place, y: Place, unit: number): void {
  const now = statesAt(group, time);
  const atEnd = over && time >= group.steps.length - 1;
  const radius = Math.max(3, 0.028 * unit);
  const circle = (cx: number, cy: number, r: number, filled: boolean): void => {
    context.beginPath();
    context.arc(x(cx), y(cy), r, 0, 2 * Math.PI);
    if (filled) context.fill();
    context.stroke();
  };
  for (const [attempt, start] of (group.steps[0] ?? []).entries()) {
    const here = chosen.region === group.region && chosen.attempt === attempt;
    context.strokeStyle = context.fillStyle = token(here ? 'acc' : 'ink');
    context.lineWidth = here ? 2 : 1.25;
    const { done } = now[attempt]!;
    if (atEnd && !done) {
      const [cx, cy] = [x(start.discX), y(start.discY)];
      context.beginPath();
      for (const slope of [1, -1]) {
        context.moveTo(cx - radius, cy - slope * radius);
        context.lineTo(cx + radius, cy + slope * radius);
      }
      context.stroke();
    } else circle(start.discX, start.discY, radius, done);
  }
  context.lineWidth = 1;
  context.strokeStyle = context.fillStyle = token('ink');
  if (arms) for (const { x: ex, y: ey, held } of now) circle(ex, ey, 2, held);
}

/** The whole arm with its gripper, and the disc in its size. */
function drawArm(context: CanvasRenderingContext2D, state: ArmState, x: Place, y: Place, unit: number): void {
  const tip = { x: state.x, y: state.y };
  const middle = elbow(ik(tip));
  context.strokeStyle = token('acc');
  context.lineWidth = 1.5;
  context.beginPath();
  context.arc(x(state.discX), y(state.discY), DISC * unit, 0, 2 * Math.PI);
  context.stroke();
  context.strokeStyle = token('ink');
  context.lineWidth = 4;
  context.beginPath();
  for (const point of [BASE, middle, tip]) context.lineTo(x(point.x), y(point.y));
  context.stroke();
  context.lineWidth = 2.5;
  context.beginPath();
  context.arc(x(tip.x), y(tip.y), (GRIPPER.open + (GRIPPER.closed - GRIPPER.open) * state.grip) * unit, 0, 2 * Math.PI);
  context.stroke();
}
