import { useCallback } from 'react';
import { parseMethod } from '../../config/methods.ts';
import { baseOf, useExperiment } from '../../store/experiment.ts';
import { useSession } from '../../store/session.ts';
import { useWords } from '../parts/words.ts';

/** What a method is called, from its text: its kind, and what of it is not the experiment's own. */
export function useMethodName(): (text: string) => string {
  const t = useWords();
  const experiment = useExperiment((state) => state.experiment);
  const session = useSession((state) => state.session);
  return useCallback(
    (text) => {
      const { kind, paired, window } = parseMethod(text, baseOf(experiment, session));
      const how = !text.includes('/') ? [] : [!paired ? t('method.random') : window === 'episode' ? t('method.episode') : t('method.window', { window: String(window) })];
      return [t(`method.${kind}`), ...how].join(' · ');
    },
    [t, experiment, session],
  );
}
