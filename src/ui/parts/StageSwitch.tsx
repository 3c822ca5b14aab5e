import type { ReactElement } from 'react';
import { useView, type Stage } from '../../store/view.ts';
import { Segmented } from './controls.tsx';
import { useWords } from './words.ts';

/** What stands in the middle of the page; it stands at the same place in each. */
export function StageSwitch(): ReactElement {
  const t = useWords();
  const stage = useView((view) => view.stage);
  return <Segmented<Stage> label={t('view.title')} value={stage} options={(['plan', 'experiment'] as const).map((value) => ({ value, label: t(`view.${value}`) }))} onChange={(value) => useView.setState({ stage: value })} />;
}
