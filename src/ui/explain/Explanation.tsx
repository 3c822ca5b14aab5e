import { Fragment, type ReactElement, type ReactNode } from 'react';
import { useRun } from '../../store/run.ts';
import { useView, type Explained } from '../../store/view.ts';
import { ErrorText, Glyph } from '../parts/controls.tsx';
import { useWords } from '../parts/words.ts';
import { BalanceNote } from './BalanceNote.tsx';
import { CollapseNote } from './CollapseNote.tsx';
import { ObjectiveNote } from './ObjectiveNote.tsx';
import { PotNote } from './PotNote.tsx';
import { SlopeNote } from './SlopeNote.tsx';
import { StiffnessNote } from './StiffnessNote.tsx';
import { WelschNote } from './WelschNote.tsx';

const NOTES: Readonly<Record<Explained, () => ReactElement | null>> = {
  objective: ObjectiveNote,
  stiffness: StiffnessNote,
  slope: SlopeNote,
  welsch: WelschNote,
  pot: PotNote,
  balance: BalanceNote,
  collapse: CollapseNote,
};
/** What the engine has to compute for it; the rest follows from the plan on the page. */
const COMPUTED: ReadonlySet<Explained> = new Set(['slope', 'pot', 'balance']);

/** One reading, warning or chart explained with a picture of the present problem. */
export function Explanation({ of }: { of: Explained }): ReactElement {
  const error = useRun((run) => run.explainError);
  const Note = NOTES[of];
  return (
    <div className="explanation" data-explained={of}>
      <Note />
      {error && COMPUTED.has(of) ? (
        <p className="message" role="alert">
          <ErrorText error={error} />
        </p>
      ) : null}
    </div>
  );
}

/** Title of an explanation, with a way out. */
export function NoteTitle({ children }: { children: ReactNode }): ReactElement {
  const t = useWords();
  return (
    <h2>
      <span>{children}</span>
      <button type="button" className="button icon" aria-label={t('explain.close')} title={t('explain.close')} onClick={() => useView.setState({ explained: null })}>
        <Glyph name="close" />
      </button>
    </h2>
  );
}

/** Figures with their names, one a line. */
export function Figures({ rows }: { rows: readonly (readonly [name: string, value: string])[] }): ReactElement {
  return (
    <dl className="pairs figures">
      {rows.map(([name, value]) => (
        <Fragment key={name}>
          <dt>{name}</dt>
          <dd>{value}</dd>
        </Fragment>
      ))}
    </dl>
  );
}

/** What is computed by the engine: dimmed while it is of the settings before. */
export function Computed({ ready, children }: { ready: boolean; children: ReactNode }): ReactElement {
  const t = useWords();
  const stale = useRun((run) => run.explainStale);
  const failed = useRun((run) => run.explainError !== null);
  if (!ready) return <p className="muted">{stale && !failed ? t('explain.computing') : ''}</p>;
  return <div className={stale ? 'computed old' : 'computed'}>{children}</div>;
}
