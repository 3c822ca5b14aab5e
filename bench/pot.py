"""POT's unbalanced Sinkhorn, timed from inside one process.

Started by bench/pot.ts. Reads one JSON object a line on stdin and answers each with one JSON object a line:
  {"load": folder}      problems.json and its float64 arrays: {name: [{n, m, cost, a, b, reg, tau}, ...]}
  {"run": name}         solves that set once: {"seconds": ..., "iterations": ...}
  {"plans": name}       writes <folder>/<name>.plans, all plans of the set as float64

POT before 0.9.5 has the reference measure c = 1 and takes no other. reg*KL(pi | a b^T) with cost M is, up to a
constant, its own problem with the cost M - reg*log(a b^T); that cost is formed here before the clock starts.
"""

import json
import os
import sys
import time
import warnings

import numpy
import ot
from ot.unbalanced import sinkhorn_knopp_unbalanced

warnings.filterwarnings("ignore")
folder = None
sets = {}


def load(path):
    global folder
    folder = path
    with open(os.path.join(path, "problems.json")) as file:
        table = json.load(file)

    def array(name):
        return numpy.fromfile(os.path.join(path, name + ".f8"))

    for name, problems in table.items():
        sets[name] = []
        for p in problems:
            a, b = array(p["a"]), array(p["b"])
            cost = array(p["cost"]).reshape(p["n"], p["m"])
            shifted = cost - p["reg"] * numpy.log(numpy.outer(a, b))
            sets[name].append((a, b, shifted, p["reg"], p["tau"]))
    return {"version": ot.__version__, "numpy": numpy.__version__, "python": sys.version.split()[0]}


def solve(problem):
    a, b, cost, reg, tau = problem
    return sinkhorn_knopp_unbalanced(a, b, cost, reg, tau, numItermax=1000, stopThr=1e-6, log=True)


def run(name):
    start = time.perf_counter()
    iterations = 0
    for problem in sets[name]:
        iterations += len(solve(problem)[1]["err"])
    return {"seconds": time.perf_counter() - start, "iterations": iterations}


def plans(name):
    with open(os.path.join(folder, name + ".plans"), "wb") as file:
        for problem in sets[name]:
            file.write(numpy.ascontiguousarray(solve(problem)[0]).tobytes())
    return {}


commands = {"load": load, "run": run, "plans": plans}
for line in sys.stdin:
    ((command, argument),) = json.loads(line).items()
    print(json.dumps(commands[command](argument)), flush=True)
