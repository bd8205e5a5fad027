"""Times AUUC + Qini of causalml and scikit-uplift, and numpy's argsort, on the rows that bench/speed/metrics.mjs wrote.

    python metrics.py FOLDER REPEATS        # prints medians in milliseconds as JSON
"""

import json
import logging
import os
import sys
import time
import warnings
from importlib.metadata import version

import numpy as np
import pandas as pd

warnings.filterwarnings("ignore")
logging.disable(logging.WARNING)

from causalml.metrics import auuc_score, qini_score  # noqa: E402
from sklift.metrics import qini_auc_score, uplift_auc_score  # noqa: E402


def median_ms(run, repeats):
    spent = []
    for _ in range(repeats):
        start = time.perf_counter()
        run()
        spent.append(1000 * (time.perf_counter() - start))
    return round(float(np.median(spent)), 2)


def main():
    folder, repeats = sys.argv[1], int(sys.argv[2])
    score, y, t = (np.fromfile(os.path.join(folder, f"{name}.f64")) for name in ["score", "y", "t"])
    y_int, t_int = y.astype(int), t.astype(int)
    frame = pd.DataFrame({"y": y_int, "w": t_int, "model": score})
    result = {
        "versions": {name: version(name) for name in ["numpy", "pandas", "causalml", "scikit-uplift"]},
        "argsort": median_ms(lambda: np.argsort(score), repeats),
        "argsortStable": median_ms(lambda: np.argsort(score, kind="stable"), repeats),
        "causalml": median_ms(lambda: (auuc_score(frame), qini_score(frame)), repeats),
        "sklift": median_ms(lambda: (uplift_auc_score(y_int, score, t_int), qini_auc_score(y_int, score, t_int)), repeats),
    }
    print(json.dumps(result))


if __name__ == "__main__":
    main()
