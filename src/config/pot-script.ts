/** What the script is filled with; numbers are written as Python literals. */
export interface PotScript {
  readonly reg: number;
  readonly tau1: number;
  readonly tau2: number;
  readonly iterations: number;
  readonly threshold: number;
  /** Largest |POT − plan| over max plan, with POT ≥ 0.9.5. */
  readonly difference: number;
  /** The same with older POT, which always runs to the optimum; null where it cannot solve the problem. */
  readonly olderDifference: number | null;
  readonly olderIterations: number;
  /** Sentences for the head of the file. */
  readonly notes: readonly string[];
}

const literal = (value: number | null): string => (value === null ? 'None' : value === Infinity ? 'float("inf")' : String(value));

/** The script that gives the problem to POT and compares what comes back with plan.npy. */
export function potScript(script: PotScript): string {
  return `"""The plan of an OT Playground session, again with POT (pip install pot numpy).

    min_P <P, M> + reg KL(P|c) + tau1 KL(P 1|a) + tau2 KL(P^T 1|b)

M.npy, a.npy, b.npy and c.npy are the problem, plan.npy is the playground's plan.
${script.notes.map((note) => `- ${note}\n`).join('')}
Exit status: 0 when POT gives the plan, 1 when it differs by more than expected, 2 when this POT cannot solve the problem.
"""

import re
import sys
import warnings
from pathlib import Path

import numpy as np
import ot

REG = ${literal(script.reg)}
TAU1 = ${literal(script.tau1)}
TAU2 = ${literal(script.tau2)}
ITERATIONS = ${script.iterations}
THRESHOLD = ${literal(script.threshold)}
OLDER_ITERATIONS = ${script.olderIterations}
# Largest |POT - plan| over max(plan) to expect.
DIFFERENCE = ${literal(script.difference)}
OLDER_DIFFERENCE = ${literal(script.olderDifference)}

here = Path(__file__).resolve().parent
M, a, b, c, plan = (np.load(here / f"{name}.npy") for name in ("M", "a", "b", "c", "plan"))

# POT divides by zero on lines without weight or without a place to go; nothing is transported there.
rows, columns = a > 0, b > 0
while True:
    kept_rows = rows & (c[:, columns] > 0).any(axis=1)
    kept_columns = columns & (c[kept_rows] > 0).any(axis=0)
    if (kept_rows == rows).all() and (kept_columns == columns).all():
        break
    rows, columns = kept_rows, kept_columns
inside = np.ix_(rows, columns)

newer = tuple(int(part) for part in re.findall(r"\\d+", ot.__version__)[:3]) >= (0, 9, 5)
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    if newer:
        expected = DIFFERENCE
        inner = ot.unbalanced.sinkhorn_knopp_unbalanced(
            a[rows], b[columns], M[inside], REG, (TAU1, TAU2),
            reg_type="kl", c=c[inside], numItermax=ITERATIONS, stopThr=THRESHOLD,
        )
    elif OLDER_DIFFERENCE is not None:
        expected = OLDER_DIFFERENCE
        with np.errstate(divide="ignore"):
            shifted = M[inside] - REG * np.log(c[inside])
        inner = ot.unbalanced.sinkhorn_knopp_unbalanced(
            a[rows], b[columns], shifted, REG, TAU1, numItermax=OLDER_ITERATIONS, stopThr=1e-12,
        )
    else:
        print(f"POT {ot.__version__} takes one finite tau for both sides; tau1 = {TAU1} and tau2 = {TAU2} need POT 0.9.5 or newer.")
        sys.exit(2)

P = np.zeros_like(plan)
P[inside] = inner
for warning in caught:
    if "umerical error" in str(warning.message):
        print(f"POT {ot.__version__}: {warning.message}. Its numbers are no plan (mass {P.sum():.6g}); the playground's has mass {plan.sum():.6g}.")
        sys.exit(2)
difference = float(np.abs(P - plan).max() / plan.max()) if plan.max() > 0 else float(np.abs(P).max())
print(f"POT {ot.__version__}: mass {P.sum():.9g}, <P, M> {(P * M).sum():.9g}; difference {difference:.3g} of max(plan), expected at most {expected:.3g}.")
sys.exit(0 if difference <= expected else 1)
`;
}
