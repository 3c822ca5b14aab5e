import type { ReactElement } from 'react';
import { useWords } from '../parts/words.ts';
import { BatchPanel } from './BatchPanel.tsx';
import { ConfigPanel } from './ConfigPanel.tsx';
import { EncodersPanel } from './EncodersPanel.tsx';
import { PairingPanel } from './PairingPanel.tsx';
import { PolicyPanel } from './PolicyPanel.tsx';
import { ShardPanel } from './ShardPanel.tsx';
import { TermsEditor } from './TermsEditor.tsx';

/** Source, target, batch, pairing, encoders, terms, policy and training configs. */
export function SetupRail(): ReactElement {
  const t = useWords();
  return (
    <aside className="rail left" aria-label={t('setup.title')}>
      <section>
        <h3>{t('setup.data')}</h3>
        <ShardPanel side="source" />
        <ShardPanel side="target" />
      </section>
      <BatchPanel />
      <PairingPanel />
      <EncodersPanel />
      <TermsEditor />
      <PolicyPanel />
      <ConfigPanel />
    </aside>
  );
}
