import { useRef, type ReactElement } from 'react';
import type { EpisodePairView, EpisodeView, Side } from '../../engine/protocol.ts';
import { matrices, useRun } from '../../store/run.ts';
import { useView } from '../../store/view.ts';
import { formatNumber, formatPercent } from '../../words/numbers.ts';
import { ErrorText } from '../parts/controls.tsx';
import { useSize } from '../parts/hooks.ts';
import { useWords } from '../parts/words.ts';
import { PathChart } from './PathChart.tsx';
import { StripChart } from './StripChart.tsx';

/** How two episodes go together: DTW's path over their distances, and which source frames the target's are drawn with. */
export function EpisodePair(): ReactElement {
  const t = useWords();
  const { error } = useRun((run) => run.episodePair);
  const box = useRef<HTMLDivElement>(null);
  const { width } = useSize(box);
  const pair = matrices.episodePair;
  return (
    <div className="episode-pair" ref={box}>
      {error ? (
        <p className="message" role="alert">
          <ErrorText error={error} />
        </p>
      ) : null}
      {pair ? (
        <>
          <EpisodeChoice side="source" shown={pair.source} />
          <EpisodeChoice side="target" shown={pair.target} />
          <h3>
            <span>{t('pair.path')}</span>
            <span className="spring" />
            <span className="number muted" title={t('pair.distance-gloss', { formula: pair.formula })}>
              {t('pair.distance', { distance: formatNumber(pair.distance ?? Number.NaN) })}
            </span>
          </h3>
          {width > 0 ? <PathChart pair={pair} width={width} /> : null}
          <h3>
            <span title={t('pair.strip-gloss')}>{t('pair.strip')}</span>
          </h3>
          {pair.strip && pair.partners.length > 0 ? (
            <>
              {width > 0 ? <StripChart pair={pair} strip={pair.strip} width={width} /> : null}
              <Partners partners={pair.partners} />
            </>
          ) : (
            <p className="muted">{t(pair.strip ? 'pair.no-partners' : 'pair.unpaired')}</p>
          )}
        </>
      ) : null}
    </div>
  );
}

/** Which episode of a side is shown: that of the cell under the cursor, or one that is held. */
function EpisodeChoice({ side, shown }: { side: Side; shown: EpisodeView }): ReactElement {
  const t = useWords();
  const compared = useView((view) => view.compared);
  const count = useRun((run) => run.datasets[side]?.episodes ?? 0);
  const held = compared[side];
  const set = (place: number | null): void => useView.setState({ compared: { ...compared, [side]: place } });
  return (
    <div className="caption">
      <i className={`swatch ${side}`} />
      <span>{t(side === 'source' ? 'side.source' : 'side.target')}</span>
      <input
        type="number"
        className="box"
        min={0}
        max={count - 1}
        value={shown.place}
        aria-label={t(side === 'source' ? 'pair.source-episode' : 'pair.target-episode')}
        onChange={(event) => {
          const place = event.target.valueAsNumber;
          if (Number.isInteger(place) && place >= 0 && place < count) set(place);
        }}
      />
      <b title={shown.name}>{shown.name}</b>
      <span className="muted">{t('pair.frames', { frames: String(shown.frames) })}</span>
      <span className="spring" />
      {held === null ? null : (
        <button type="button" className="link" onClick={() => set(null)}>
          {t('pair.follow')}
        </button>
      )}
    </div>
  );
}

/** The source episodes that this target episode is drawn with; a click shows one. */
function Partners({ partners }: { partners: EpisodePairView['partners'] }): ReactElement {
  const t = useWords();
  const compared = useView((view) => view.compared);
  return (
    <table className="table">
      <thead>
        <tr>
          <th>{t('pair.partner')}</th>
          <th>{t('pair.dtw')}</th>
          <th>{t('pair.share')}</th>
        </tr>
      </thead>
      <tbody>
        {partners.map(({ episode, place, distance, share }) => (
          <tr key={place}>
            <td>
              <button type="button" className="link" onClick={() => useView.setState({ compared: { ...compared, source: place } })}>
                {t('pair.episode', { episode: String(episode) })}
              </button>
            </td>
            <td>{formatNumber(distance ?? Number.NaN)}</td>
            <td>{formatPercent(share)}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}
