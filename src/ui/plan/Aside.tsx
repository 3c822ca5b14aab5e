import type { ReactElement } from 'react';
import { useRun } from '../../store/run.ts';
import { useView, type Aside as View } from '../../store/view.ts';
import { ArmView } from '../arm/ArmView.tsx';
import { Segmented } from '../parts/controls.tsx';
import { useWords } from '../parts/words.ts';
import { Explanation } from '../explain/Explanation.tsx';
import { EpisodePair } from '../pairing/EpisodePair.tsx';
import { WindowTrials } from '../pairing/WindowTrials.tsx';
import { Inspector } from './Inspector.tsx';

/** What stands beside the plan: what a person wants explained, or the cell under the cursor, the episodes it comes from, how far pairs may be moved, or the arm that the policy drives. */
export function Aside(): ReactElement {
  const t = useWords();
  const aside = useView((view) => view.aside);
  const explained = useView((view) => view.explained);
  const solved = useRun((run) => run.report !== null);
  return (
    <aside className="aside inspector" aria-label={t('aside.title')} data-aside={aside}>
      {solved ? (
        <>
          <Segmented<View>
            wide
            label={t('aside.title')}
            value={explained === null ? aside : null}
            options={(['cell', 'pairing', 'window', 'arm'] as const).map((value) => ({ value, label: t(`aside.${value}`), title: t(`aside.${value}-gloss`) }))}
            onChange={(value) => useView.setState({ aside: value, explained: null })}
          />
          {explained !== null ? <Explanation of={explained} /> : aside === 'cell' ? <Inspector /> : aside === 'pairing' ? <EpisodePair /> : aside === 'window' ? <WindowTrials /> : <ArmView />}
        </>
      ) : null}
    </aside>
  );
}
