"""Time, memory and error of LightGBM, causalml and EconML on the rows that bench/speed/trees.mjs wrote. Prints JSON.

usage: trees.py lightgbm|causalml|econml FOLDER TREES THREADS
"""

import glob
import json
import logging
import os
import resource
import sys
import time
import warnings
from importlib.metadata import version

import numpy as np

warnings.filterwarnings("ignore")
logging.disable(logging.WARNING)

name, folder, trees, threads = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])


def load(part):
    read = lambda what: np.fromfile(os.path.join(folder, f"{part}.{what}.f64"))
    columns = len(glob.glob(os.path.join(folder, f"{part}.x*.f64")))
    return np.column_stack([read(f"x{j}") for j in range(columns)]), read("t"), read("y"), read("truth")


def cpu():
    own, children = resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN)
    return sum(usage.ru_utime + usage.ru_stime for usage in (own, children))


x, t, y, _ = load("train")
x_test, _, _, truth = load("test")
data_mb = round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
out = {"version": version(name)}


def lightgbm_fit(count):
    import lightgbm

    params = {"objective": "regression", "num_leaves": 31, "max_bin": 255, "learning_rate": 0.1, "num_threads": count, "verbose": -1}
    start, spent = time.perf_counter(), cpu()
    model = lightgbm.train(params, lightgbm.Dataset(x, y, params=params), trees)
    return model, time.perf_counter() - start, cpu() - spent


if name == "lightgbm":
    model, seconds, used = lightgbm_fit(threads)
    out["oneThreadCpuSeconds"] = round(lightgbm_fit(1)[2], 2)
    predict = model.predict
elif name == "causalml":
    from causalml.inference.tree import UpliftRandomForestClassifier

    model = UpliftRandomForestClassifier(
        control_name="control", n_estimators=trees, max_depth=8, min_samples_leaf=100, min_samples_treatment=10, n_reg=10, evaluationFunction="KL", n_jobs=threads, random_state=1
    )
    arms = np.where(t == 1, "treated", "control")
    start, spent = time.perf_counter(), cpu()
    model.fit(x, treatment=arms, y=y.astype(int))
    seconds, used = time.perf_counter() - start, cpu() - spent
    predict = lambda rows: np.asarray(model.predict(rows)).ravel()
else:
    from econml.dml import CausalForestDML
    from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

    # Cheap nuisance models, fitted in two folds: the forest is what is compared.
    model = CausalForestDML(
        model_y=HistGradientBoostingRegressor(max_iter=50), model_t=HistGradientBoostingClassifier(max_iter=50), discrete_treatment=True, n_estimators=trees, min_samples_leaf=5, cv=2, n_jobs=threads, random_state=1
    )
    start, spent = time.perf_counter(), cpu()
    model.fit(y, t, X=x)
    seconds, used = time.perf_counter() - start, cpu() - spent
    predict = lambda rows: model.effect(rows).ravel()

start = time.perf_counter()
error = float(np.sqrt(np.mean((predict(x_test) - truth) ** 2)))
out |= {
    "rows": len(y),
    "seconds": round(seconds, 2),
    "cpuSeconds": round(used, 2),
    "peakMb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
    "dataMb": data_mb,
    "predictMicrosecondsPerRow": round((time.perf_counter() - start) * 1e6 / len(truth), 2),
    "rootMeanSquareError": round(error, 4),
}
print(json.dumps(out))
