import type { ReactElement } from 'react';
import type { ErrorReport } from '../../base/errors.ts';
import { useRun } from '../../store/run.ts';
import { useSession } from '../../store/session.ts';
import type { WordKey } from '../../words/index.ts';
import { ErrorText, Glyph } from '../parts/controls.tsx';
import { useWords } from '../parts/words.ts';

/** Why there is no new plan, in the inspector's place: what, both sides, and what would work, a click away. */
export function ProblemNote({ error }: { error: ErrorReport }): ReactElement {
  const t = useWords();
  const { session, setFeatures, setSolve, setBatch, setPairing } = useSession();
  const { term, common, ...facts } = error.detail;
  const index = session.features.findIndex((spec) => spec.term_name === term);
  const spec = session.features[index];
  const hasPlan = useRun((run) => run.report !== null);
  const shown = Object.entries(facts);
  return (
    <aside className="aside side-note" aria-label={t('problem.title')} role="alert">
      <h2>
        <Glyph name="error" />
        <span>{t(titleOf(error.code), { term: term ?? '' })}</span>
      </h2>
      <p>
        <ErrorText error={error} />
      </p>
      {shown.length > 0 ? (
        <table className="table" style={{ marginBottom: '1rem' }}>
          <tbody>
            {shown.map(([name, fact]) => (
              <tr key={name}>
                <td>{name}</td>
                <td title={fact} style={{ width: '64%' }}>
                  {fact}
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      ) : null}
      <div className="actions">
        {spec && common && Number(common) > 0 ? (
          <button type="button" className="button primary" onClick={() => setFeatures(session.features.map((other, k) => (k === index ? { ...other, dim_slice: [spec.dim_slice?.[0] ?? 0, (spec.dim_slice?.[0] ?? 0) + Number(common)] } : other)))}>
            {t('problem.slice', { slice: `${spec.dim_slice?.[0] ?? 0}:${(spec.dim_slice?.[0] ?? 0) + Number(common)}` })}
          </button>
        ) : null}
        {spec && session.features.length > 1 ? (
          <button type="button" className="button outlined" onClick={() => setFeatures(session.features.filter((_, k) => k !== index))}>
            {t('problem.leave-out')}
          </button>
        ) : null}
        {spec && aboutEncoder(error.code) ? (
          <button type="button" className="button primary" onClick={() => setFeatures(session.features.map((other, k) => (k === index ? { ...other, use_learned_embed: false, weight_label: other.weight_label || 1 } : other)))}>
            {t('problem.raw-values')}
          </button>
        ) : null}
        {error.code === 'infeasible' ? (
          <button type="button" className="button primary" onClick={() => setSolve({ tau1: 1, tau2: 1 })}>
            {t('problem.finite-tau')}
          </button>
        ) : null}
        {error.code === 'flat-cost' ? (
          <button type="button" className="button primary" onClick={() => setSolve({ normalisation: 'none' })}>
            {t('problem.no-normalisation')}
          </button>
        ) : null}
        {error.code === 'bad-range' || error.code === 'empty-batch' ? (
          <button type="button" className="button primary" onClick={() => setBatch({ kind: 'random', sourceEpisodes: '', targetEpisodes: '', size: Math.max(1, session.batch.size) })}>
            {t(session.batch.kind === 'ranges' ? 'problem.random-frames' : 'problem.all-episodes')}
          </button>
        ) : null}
        {error.code === 'no-pairing' || error.code === 'no-samples' || error.code === 'bad-sampler' ? (
          <button type="button" className="button outlined" onClick={() => setPairing({ kind: 'none' })}>
            {t('problem.draw-unpaired')}
          </button>
        ) : null}
        {error.code === 'no-such-tau' ? (
          <button type="button" className="button outlined" onClick={() => useRun.setState({ error: null })}>
            {t('problem.dismiss')}
          </button>
        ) : null}
      </div>
      {hasPlan ? <p className="muted">{t('problem.old-plan')}</p> : null}
    </aside>
  );
}

const TITLES = ['width-mismatch', 'missing-key', 'bad-slice', 'non-finite', 'duplicate-term', 'no-weight', 'no-encoder', 'no-terms', 'infeasible', 'bad-range', 'empty-batch', 'flat-cost', 'no-such-tau', 'bad-problem', 'no-pairing', 'no-samples', 'bad-sampler'] as const;

const aboutEncoder = (code: string): boolean => code === 'no-encoder' || code.startsWith('encoder-');

function titleOf(code: string): WordKey {
  if (code.startsWith('encoder-')) return 'problem.encoder';
  const known = TITLES.find((title) => title === code);
  return known ? `problem.${known}` : 'problem.title';
}
