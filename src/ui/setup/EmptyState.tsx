import type { ReactElement } from 'react';
import { droppedFiles } from '../../engine/client.ts';
import type { Side } from '../../engine/protocol.ts';
import { useRun } from '../../store/run.ts';
import { ErrorText } from '../parts/controls.tsx';
import { useLive } from '../parts/live.ts';
import { useWords } from '../parts/words.ts';
import { PickButtons } from './ShardPanel.tsx';
import { useDropTarget } from './use-drop.ts';

/** What is shown in the middle while a side has no data: two places to drop, and the demo. */
export function EmptyState(): ReactElement {
  const t = useWords();
  const live = useLive();
  const loads = useRun((run) => run.loads);
  const wanted = (['source', 'target'] as const).filter((side) => loads[side].kind === 'wanted');
  return (
    <div className="empty">
      <div className="inner">
        <h2>{t(wanted.length > 0 ? 'empty.wanted-title' : 'empty.title')}</h2>
        <p>{t(wanted.length > 0 ? 'empty.wanted-text' : 'empty.text')}</p>
        <div className="drops">
          <DropPlace side="source" />
          <DropPlace side="target" />
        </div>
        <button
          type="button"
          className="button primary"
          onClick={() => {
            void live.openDemo('source');
            void live.openDemo('target');
          }}
        >
          {t('empty.demo')}
        </button>
        <p className="small" style={{ marginTop: '1.5rem' }}>
          {t('empty.formats')}
        </p>
      </div>
    </div>
  );
}

function DropPlace({ side }: { side: Side }): ReactElement {
  const t = useWords();
  const live = useLive();
  const dataset = useRun((run) => run.datasets[side]);
  const load = useRun((run) => run.loads[side]);
  const error = useRun((run) => run.loadErrors[side]);
  const drop = useDropTarget((transfer) => void live.openFiles(side, () => droppedFiles(transfer)));
  const state = load.kind === 'loading' ? t('shard.reading', { percent: String(Math.round((100 * load.done) / Math.max(1, load.total))) }) : dataset ? dataset.name : load.kind === 'wanted' ? load.name : t('empty.drop');
  return (
    <div className={drop.over ? 'drop over' : 'drop'} data-drop={side} {...drop.handlers}>
      <span className="caption">
        <i className={`swatch ${side}`} />
        <b>{t(side === 'source' ? 'empty.source' : 'empty.target')}</b>
      </span>
      <span className={load.kind === 'wanted' ? '' : 'muted'}>{drop.over ? t('empty.release') : state}</span>
      {error ? (
        <span role="alert">
          <ErrorText error={error} />
        </span>
      ) : null}
      <span className="spring" />
      <PickButtons side={side} large />
    </div>
  );
}
