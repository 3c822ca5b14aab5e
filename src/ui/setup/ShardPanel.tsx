import { useRef, type ReactElement } from 'react';
import { droppedFiles, pickedFiles, type PickedFile } from '../../engine/client.ts';
import type { Side } from '../../engine/protocol.ts';
import { useRun, type DatasetSummary, type LoadState } from '../../store/run.ts';
import { formatCount, formatNumber } from '../../words/numbers.ts';
import { Frame } from '../plan/Frame.tsx';
import { ErrorText } from '../parts/controls.tsx';
import { useLive } from '../parts/live.ts';
import { useWords } from '../parts/words.ts';
import { useDropTarget } from './use-drop.ts';

/** One side's data: what is loaded, how to load other data, and why the last attempt failed. */
export function ShardPanel({ side }: { side: Side }): ReactElement {
  const t = useWords();
  const live = useLive();
  const dataset = useRun((run) => run.datasets[side]);
  const load = useRun((run) => run.loads[side]);
  const error = useRun((run) => run.loadErrors[side]);
  const drop = useDropTarget((transfer) => void live.openFiles(side, () => droppedFiles(transfer)));
  const name = load.kind === 'loading' ? load.name : (dataset?.name ?? (load.kind === 'wanted' ? load.name : t('shard.none')));
  return (
    <div className={drop.over ? 'shard over' : 'shard'} data-side={side} {...drop.handlers}>
      <div className="name">
        <i className={`swatch ${side}`} />
        <span title={name}>{name}</span>
        <span className="spring" />
        <span className="muted" style={{ fontWeight: 400 }}>
          {t(side === 'source' ? 'side.source' : 'side.target')}
        </span>
      </div>
      {dataset?.demo ? (
        <div className="strip">
          {[0, 10, 20, 30].map((row) => (
            <Frame key={row} side={side} row={row} width={46} label="" />
          ))}
        </div>
      ) : null}
      {load.kind === 'loading' ? <Loading side={side} load={load} /> : dataset ? <Facts dataset={dataset} /> : <div className="muted">{t(load.kind === 'wanted' ? 'shard.wanted' : 'shard.empty')}</div>}
      {error ? (
        <div className="message" role="alert">
          <ErrorText error={error} />{' '}
          <button type="button" className="link" onClick={() => live.dismissLoadError(side)}>
            {t('shard.dismiss')}
          </button>
        </div>
      ) : null}
      <PickButtons side={side} />
      {dataset ? <Details dataset={dataset} /> : null}
    </div>
  );
}

/** Buttons that open a folder or files, for those who do not drag. */
export function PickButtons({ side, large = false }: { side: Side; large?: boolean }): ReactElement {
  const t = useWords();
  const live = useLive();
  const load = useRun((run) => run.loads[side]);
  const demo = useRun((run) => run.datasets[side]?.demo ?? null);
  const loaded = useRun((run) => run.datasets[side] !== null);
  const folder = useRef<HTMLInputElement>(null);
  const file = useRef<HTMLInputElement>(null);
  const open = (list: FileList | null, input: HTMLInputElement): void => {
    if (!list || list.length === 0) return;
    const files: readonly PickedFile[] = pickedFiles(list);
    void live.openFiles(side, () => Promise.resolve(files));
    // The same choice again must fire again.
    input.value = '';
  };
  const what = t(side === 'source' ? 'side.source' : 'side.target');
  const style = large ? 'button outlined' : 'link';
  return (
    <div className={large ? 'actions' : 'buttons'}>
      <button type="button" className={style} aria-label={`${t('shard.folder')}: ${what}`} onClick={() => folder.current?.click()}>
        {t('shard.folder')}
      </button>
      <button type="button" className={style} aria-label={`${t('shard.file')}: ${what}`} onClick={() => file.current?.click()}>
        {t('shard.file')}
      </button>
      {load.kind !== 'loading' && demo === null && !large ? (
        <button type="button" className={style} aria-label={`${t('shard.demo')}: ${what}`} onClick={() => void live.openDemo(side)}>
          {t('shard.demo')}
        </button>
      ) : null}
      {loaded && !large ? (
        <button type="button" className={style} aria-label={`${t('shard.clear')}: ${what}`} onClick={() => void live.clear(side)}>
          {t('shard.clear')}
        </button>
      ) : null}
      <input ref={folder} hidden type="file" data-pick={`${side}-folder`} {...{ webkitdirectory: '' }} onChange={(event) => open(event.target.files, event.target)} />
      <input ref={file} hidden type="file" multiple data-pick={`${side}-file`} onChange={(event) => open(event.target.files, event.target)} />
    </div>
  );
}

function Loading({ side, load }: { side: Side; load: Extract<LoadState, { kind: 'loading' }> }): ReactElement {
  const t = useWords();
  const live = useLive();
  const share = load.total > 0 ? load.done / load.total : 0;
  return (
    <div role="status">
      <span className="progress">
        <i style={{ width: `${100 * share}%` }} />
      </span>
      <div className="caption muted">
        {t('shard.reading', { percent: String(Math.round(100 * share)) })}
        <span className="spring" />
        <button type="button" className="link" onClick={() => live.cancel(side)}>
          {t('shard.cancel')}
        </button>
      </div>
    </div>
  );
}

function Facts({ dataset }: { dataset: DatasetSummary }): ReactElement {
  const t = useWords();
  const fps = dataset.fps === null ? t('shard.no-fps') : `${dataset.fps} fps`;
  return (
    <div className="muted number" data-facts>
      {t('shard.facts', { episodes: formatCount(dataset.episodes), frames: formatCount(dataset.frames), fps })}
    </div>
  );
}

/** Names of formats are the same in every language. */
function formatName({ format, version }: DatasetSummary): string {
  if (format === 'lerobot') return `LeRobot ${version}`;
  return format === 'numpy' ? `NumPy ${version}` : format === 'robomimic' ? 'robomimic HDF5' : 'HDF5';
}

function Details({ dataset }: { dataset: DatasetSummary }): ReactElement {
  const t = useWords();
  return (
    <details>
      <summary>
        {formatName(dataset)} · {t('shard.columns', { count: String(dataset.features.length) })}
        {dataset.warnings.length > 0 ? ` · ${t('shard.remarks', { count: String(dataset.warnings.length) })}` : ''}
      </summary>
      {/* Scrolls, so it can be reached and scrolled by keyboard. */}
      <ul className="features-list" tabIndex={0} aria-label={t('shard.columns', { count: String(dataset.features.length) })}>
        {dataset.warnings.map((warning) => (
          <li key={warning}>{warning}</li>
        ))}
        {dataset.features.map(({ key, dtype, shape, stats }) => (
          <li key={key} title={stats ? stats.mean.map((mean, d) => `[${d}] ${formatNumber(stats.min[d])} … ${formatNumber(stats.max[d])}, mean ${formatNumber(mean)}, std ${formatNumber(stats.std[d])}`).join('\n') : undefined}>
            <b style={{ fontWeight: 400 }}>{key}</b> <span className="muted">{`${dtype} [${shape.join(', ')}]`}</span>
            {stats ? (
              <span className="muted">
                {' '}
                {formatNumber(Math.min(...stats.min), 2)} … {formatNumber(Math.max(...stats.max), 2)}
              </span>
            ) : null}
          </li>
        ))}
      </ul>
    </details>
  );
}
