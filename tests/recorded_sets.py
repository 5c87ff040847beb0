"""Small copies of published data sets of event cameras, in the formats and folders of their authors."""

import csv

import numpy as np

import event_files as files

PEOPLE = {"train": ("user01_led", "user02_lab"), "test": ("user24_natural",)}
GESTURE_US = 50_000


def gesture_trial(seed, classes=11, events=60, tell=True):
    """The events of one trial and its labels: a gesture's events lie in a part of the sensor of its own."""
    rng = np.random.default_rng(seed)
    some, labels = [], []
    for label in range(classes):
        begin = 1_000 + label * (GESTURE_US + 5_000)
        times = np.sort(rng.integers(begin, begin + GESTURE_US, events))
        columns = rng.integers(0, 11, events) + (11 * label if tell else 0)
        rows, signs = rng.integers(0, 128, events), rng.integers(0, 2, events)
        some += zip(times.tolist(), columns.tolist(), rows.tolist(), signs.tolist(), strict=True)
        labels.append((label + 1, begin, begin + GESTURE_US))
    return some, labels


def write_gestures(root, people=PEOPLE, events=60):
    """The original: trials in AEDAT 3.1, their labels, and which of them are for training."""
    folder = root / "DvsGesture"
    folder.mkdir(parents=True)
    seed = 0
    for split, trials in people.items():
        for trial in trials:
            some, labels = gesture_trial(seed, events=events)
            packets = [files.packet3(some[first : first + 100]) for first in range(0, len(some), 100)]
            (folder / f"{trial}.aedat").write_bytes(files.aedat3(*packets))
            with (folder / f"{trial}_labels.csv").open("w", newline="") as stream:
                csv.writer(stream).writerows([("class", "startTime_usec", "endTime_usec"), *labels])
            seed += 1
        names = "".join(f"{trial}.aedat\n" for trial in trials)
        (folder / f"trials_to_{split}.txt").write_text(names + "\n")
    return root


def gestures(split):
    """Every recording of a split, as the labels cut them: label and events from its first one on."""
    first = 0 if split == "train" else len(PEOPLE["train"])
    for seed, _ in enumerate(PEOPLE[split], start=first):
        some, labels = gesture_trial(seed)
        for label, begin, end in labels:
            mine = [event for event in some if begin <= event[0] < end]
            yield label - 1, [(t - mine[0][0], *rest) for t, *rest in mine]


def write_gestures_of_spikingjelly(root):
    for split in PEOPLE:
        for number, (label, some) in enumerate(gestures(split)):
            folder = root / "DVS128Gesture" / "events_np" / split / str(label)
            folder.mkdir(parents=True, exist_ok=True)
            columns = dict(zip("txyp", np.array(some, np.int64).T, strict=True))
            np.savez(folder / f"user_{number:03}.npz", **columns)
    return root


def write_gestures_of_tonic(root):
    for split, folder in (("train", "ibmGestureTrain"), ("test", "ibmGestureTest")):
        for number, (label, some) in enumerate(gestures(split)):
            place = root / "DVSGesture" / folder / f"user{number:02}_led"
            place.mkdir(parents=True, exist_ok=True)
            t, x, y, p = np.array(some, np.float64).T
            np.save(
                place / f"{label}.npy", np.stack([x, y, p, np.floor(t / 1000)], axis=1).astype(np.float32)
            )
    return root


def write_classes(folder, names, write, suffix, count=5, last=1_200_000):
    """Some recordings for each class, which differ."""
    for label, name in enumerate(names):
        (folder / name).mkdir(parents=True)
        for number in range(count):
            some = files.events(40, last=last, seed=100 * label + number)
            (folder / name / f"{name}_{number}{suffix}").write_bytes(write(some))
    return folder


def write_spike_trains(path, labels, units=700, seed=0, last=0.95):
    """HDF5 as the Heidelberg sets are: lists of 16-bit times in seconds, and of units."""
    import h5py

    rng = np.random.default_rng(seed)
    with h5py.File(path, "w") as file:
        file["labels"] = np.array(labels, np.uint16)
        for name, kind in (("times", np.float16), ("units", np.uint16)):
            file.create_dataset(f"spikes/{name}", (len(labels),), h5py.vlen_dtype(kind))
        for number in range(len(labels)):
            count = int(rng.integers(20, 60))
            file["spikes/times"][number] = np.sort(rng.uniform(0, last, count)).astype(np.float16)
            file["spikes/units"][number] = rng.integers(0, units, count).astype(np.uint16)
    return path
