import { useEffect, useRef, useState, type ReactElement } from 'react';
import { LatestOnly } from '../../base/latest.ts';
import { ATTEMPT_STEPS, FPS } from '../../engine/client.ts';
import type { ArmState, DriveRegion } from '../../engine/protocol.ts';
import { DRIVE_ATTEMPTS, drive } from '../../store/rollout-shelf.ts';
import { useRun } from '../../store/run.ts';
import { useView } from '../../store/view.ts';
import { Segmented } from '../parts/controls.tsx';
import { useMedia } from '../parts/hooks.ts';
import { useLive } from '../parts/live.ts';
import { useWords } from '../parts/words.ts';
import { statesAt } from './draw-table.ts';

const seconds = (step: number): string => (step / FPS).toFixed(2);

/** One attempt: which, what became of it, a slider over its time, and what the two cameras show then. */
export function AttemptView(): ReactElement {
  const t = useWords();
  const arm = useView((view) => view.arm);
  const { driving } = useRun((run) => run.rollouts);
  const still = useMedia('(prefers-reduced-motion: reduce)') && driving;
  const group = drive.groups.find(({ region }) => region === arm.region);
  const last = Math.max(0, (group?.steps.length ?? 0) - 1);
  const time = Math.min(arm.time ?? (still ? 0 : last), last);
  const state = group && statesAt(group, time)[arm.attempt];
  const ended = group?.steps.findIndex((states) => states[arm.attempt]?.done) ?? -1;
  const fate = !state ? '–' : ended >= 0 && !still ? t('arm.fate-done', { seconds: seconds(ended) }) : driving ? t('arm.fate-driving') : t('arm.fate-failed');
  const set = (change: Partial<typeof arm>): void => useView.setState({ arm: { ...arm, ...change } });
  return (
    <div className="attempt" data-attempt={arm.attempt}>
      <h3>
        <span>{t('arm.attempt')}</span>
        <span className="spring" />
        <span className="muted number">{fate}</span>
      </h3>
      <div className="caption">
        <input
          type="number"
          aria-label={t('arm.attempt')}
          className="box"
          min={1}
          max={DRIVE_ATTEMPTS}
          value={arm.attempt + 1}
          onChange={({ target: { valueAsNumber: value } }) => {
            if (Number.isInteger(value) && value >= 1 && value <= DRIVE_ATTEMPTS) set({ attempt: value - 1 });
          }}
        />
        <span className="muted">{t('arm.of', { count: String(DRIVE_ATTEMPTS) })}</span>
        <span className="spring" />
        <Segmented<DriveRegion> label={t('arm.region')} value={arm.region} options={(['lower', 'upper'] as const).map((value) => ({ value, label: t(`arm.${value}-short`), title: t(`arm.${value}`) }))} onChange={(region) => set({ region })} />
      </div>
      <div className="caption">
        <label htmlFor="arm-time">{t('arm.time')}</label>
        <input
          id="arm-time"
          type="range"
          min={0}
          max={ATTEMPT_STEPS}
          step={1}
          value={time}
          disabled={last === 0}
          aria-valuetext={t('arm.seconds', { seconds: seconds(time) })}
          style={{ '--position': `${(100 * time) / ATTEMPT_STEPS}%` } as React.CSSProperties}
          onChange={({ target: { valueAsNumber: value } }) => set({ time: Math.min(value, last) })}
        />
        <span className="number">{t('arm.seconds', { seconds: seconds(time) })}</span>
      </div>
      <div className="frames">
        <Camera domain="real" state={state ?? null} noise={time} label={t('arm.seen')} gloss={t('arm.seen-gloss')} />
        <Camera domain="sim" state={state ?? null} noise={null} label={t('arm.sim')} gloss={t('arm.sim-gloss')} />
      </div>
    </div>
  );
}

const CAMERA_SIDE = 32;
/** Width of a frame for people, in CSS pixels. */
const FRAME_WIDTH = 132;

/** What a camera shows of a state: at the policy's size with noise, or as people see it. One picture is drawn at a time, of the newest state. */
function Camera({ domain, state, noise, label, gloss }: { domain: 'sim' | 'real'; state: ArmState | null; noise: number | null; label: string; gloss: string }): ReactElement {
  const { rollouts } = useLive();
  const canvas = useRef<HTMLCanvasElement>(null);
  const [looks] = useState(() => new LatestOnly());
  const width = noise === null ? Math.round(FRAME_WIDTH * Math.min(2, devicePixelRatio)) : CAMERA_SIDE;
  const height = noise === null ? Math.round((width * 3) / 4) : CAMERA_SIDE;
  useEffect(() => {
    const context = canvas.current?.getContext('2d');
    if (!context) return;
    if (!state) {
      context.clearRect(0, 0, width, height);
      return;
    }
    void looks.run(() => rollouts.look(domain, state, width, height, noise)).then((pixels) => {
      if (pixels) context.putImageData(new ImageData(pixels, width, height), 0, 0);
    });
  }, [rollouts, looks, domain, state, width, height, noise]);
  return (
    <div title={gloss}>
      <canvas ref={canvas} width={width} height={height} className={noise === null ? '' : 'pixelated'} role="img" aria-label={label} />
      <div className="caption">
        <i className={`swatch ${domain === 'sim' ? 'source' : 'target'}`} />
        <span>{label}</span>
      </div>
    </div>
  );
}
