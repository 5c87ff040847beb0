"""A study in a process that may take less memory than its frames."""

import os
import subprocess
import sys
from pathlib import Path

import spareto

PROGRAM = """
import resource, sys
import torch
from spareto import networks
from spareto.records import TrainingPlan
from spareto.study.splits import split_data
from spareto.training import train
from spareto.training.evaluation import evaluate
{imports}

torch.set_num_threads(1)
network = networks.build("conv", sensor={sensor}, classes={classes}, channels=[2], kernel=3, stride=4)
{small}
held = int(next(line for line in open("/proc/self/status") if line.startswith("VmData")).split()[1]) << 10
limit = held + ({mebibytes} << 20)
resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))  # all memory that no file stands behind
data = {data}
study, sealed = split_data(data, 0.2)
train(network, study.train, TrainingPlan(epochs=1, batch_size=2, warmup_epochs=0), seed=0)
opened = sealed.open()
evaluate(network, opened.frames, opened.labels, batch_size=2)
print(sum(each.nbytes for each in (data.train_frames, data.test_frames)) >> 20)
"""


def studied(root, mebibytes, cache, **parts):
    """MiB of the frames that were split, trained on and measured.

    Args:
        root: Where the data are: `sys.argv[1]` of the program.
        mebibytes: Of memory that the program may take beside what it begins with.
        cache: Folder of the cache.
        parts: What the program's braces hold: imports, sensor, classes, small and data.
    """
    told = {"OMP_NUM_THREADS": "1", "SPARETO_CACHE": str(cache)}
    told["PYTHONPATH"] = str(Path(spareto.__file__).parents[1])
    program = PROGRAM.format(mebibytes=mebibytes, **parts)
    done = subprocess.run(
        [sys.executable, "-c", program, str(root)],
        capture_output=True, text=True, check=False, env=os.environ | told,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    return int(done.stdout.split()[-1])
