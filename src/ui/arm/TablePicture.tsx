import { useLayoutEffect, useRef, type ReactElement } from 'react';
import { ATTEMPT_STEPS } from '../../engine/client.ts';
import { drive } from '../../store/rollout-shelf.ts';
import { useRun } from '../../store/run.ts';
import { useView } from '../../store/view.ts';
import { useMedia, useRem, useSize, useTheme } from '../parts/hooks.ts';
import { useWords } from '../parts/words.ts';
import { drawTable, marks, statesAt, TABLE_ASPECT, toTable } from './draw-table.ts';

/** A click takes the attempt whose mark is this near, in table units. */
const NEAR = 0.12;

/** The table from above: both regions, and the arms of all attempts as they move. A click chooses an attempt. */
export function TablePicture(): ReactElement {
  const t = useWords();
  const box = useRef<HTMLDivElement>(null);
  const canvas = useRef<HTMLCanvasElement>(null);
  const { width } = useSize(box);
  const rem = useRem();
  const theme = useTheme();
  const still = useMedia('(prefers-reduced-motion: reduce)');
  const arm = useView((view) => view.arm);
  const { driving, version } = useRun((run) => run.rollouts);
  const density = Math.max(1, devicePixelRatio);
  const time = arm.time ?? (still && driving ? 0 : ATTEMPT_STEPS);
  useLayoutEffect(() => {
    const context = canvas.current?.getContext('2d');
    if (!context || width === 0) return;
    const words = { lower: t('arm.lower-region'), upper: t('arm.upper-region'), bin: t('arm.bin') };
    drawTable(context, width, density, (11 * rem) / 16, { groups: drive.groups, time, chosen: { region: arm.region, attempt: arm.attempt }, over: !driving, arms: !still || !driving, words });
    // The version stands for the positions, the theme for the tokens.
    // oxlint-disable-next-line react/exhaustive-deps
  }, [t, width, density, rem, theme, still, time, arm, driving, version]);
  const choose = (event: React.PointerEvent<HTMLCanvasElement>): void => {
    const bounds = event.currentTarget.getBoundingClientRect();
    const at = toTable(event.clientX - bounds.left, event.clientY - bounds.top, width);
    const near = marks(drive.groups, time)
      .map((mark) => ({ ...mark, away: Math.hypot(mark.x - at.x, mark.y - at.y) }))
      .filter(({ away }) => away < NEAR)
      .toSorted((p, q) => p.away - q.away)[0];
    if (near) useView.setState({ arm: { ...arm, region: near.region, attempt: near.attempt } });
  };
  const what = drive.groups.map((group) => t('arm.describe-group', { region: t(`arm.${group.region}`), successes: String(statesAt(group, ATTEMPT_STEPS).filter(({ done }) => done).length), count: String(group.steps[0]?.length ?? 0) }));
  return (
    <div className="table-picture" ref={box}>
      <canvas
        ref={canvas}
        role="img"
        aria-label={t('arm.describe', { what: what.length > 0 ? what.join(', ') : t('arm.describe-none') })}
        width={Math.round(width * density)}
        height={Math.round(width * TABLE_ASPECT * density)}
        style={{ width, height: width * TABLE_ASPECT }}
        onPointerDown={choose}
      />
      <div className="muted small">{t('arm.marks')}</div>
    </div>
  );
}
