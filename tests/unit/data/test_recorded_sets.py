"""Published sets of event cameras, on small copies in their own formats and folders."""

import numpy as np
import pytest
import scipy.io

import event_files as files
import recorded_sets as sets
from spareto.core.errors import ConfigError, DataError
from spareto.data import registry
from spareto.data.datasets.cifar10_dvs import NAMES
from spareto.testing import datasets as laws

GESTURES = {
    "original": sets.write_gestures,
    "spikingjelly": sets.write_gestures_of_spikingjelly,
    "tonic": sets.write_gestures_of_tonic,
}


def keeps_the_laws(dataset, timesteps=5):
    splits = laws.read_splits(dataset)
    laws.check_recordings(splits, dataset.info)
    laws.check_disjoint(splits)
    laws.check_repeatable(splits, laws.read_splits(dataset))
    laws.check_frames(splits, dataset.info, timesteps)
    for name, split in splits.items():
        assert dataset.count(name) in (len(split), None)
    return splits


def events_of(recordings, number):
    some = slice(*recordings.offsets[number : number + 2])
    columns = (recordings.t_us, recordings.x, recordings.y, recordings.polarity)
    return list(zip(*(column[some].tolist() for column in columns), strict=True))


@pytest.mark.parametrize("layout", GESTURES)
def test_gestures_in_every_layout_are_the_same_recordings(layout, tmp_path):
    dataset = registry.make("dvs_gesture", root=GESTURES[layout](tmp_path))
    dataset.info = dataset.info.__class__(**{**vars(dataset.info), "duration_us": sets.GESTURE_US})
    splits = keeps_the_laws(dataset, 2)
    for name in splits:
        wanted = sorted(sets.gestures(name), key=lambda each: each[0]) if layout == "spikingjelly" else None
        wanted = wanted or list(sets.gestures(name))
        assert len(splits[name]) == len(wanted)
        for number, (label, some) in enumerate(wanted if layout != "tonic" else ()):
            assert splits[name].labels[number] == label
            assert events_of(splits[name], number) == some
    if layout == "tonic":
        assert splits["train"].t_us.max() < sets.GESTURE_US + 1_000
        assert (splits["train"].t_us % 1_000 == 0).all()


def test_a_label_that_is_none_names_its_line(tmp_path):
    sets.write_gestures(tmp_path)
    table = tmp_path / "DvsGesture" / "user24_natural_labels.csv"
    for line in ("12,0,5", "1,5,5", "a,1,2", "1,2"):
        table.write_text(f"class,startTime_usec,endTime_usec\n1,0,9999\n{line}\n")
        with pytest.raises(
            DataError, match=rf"user24_natural_labels\.csv:3: got {line}; expected a class from 1 to 11"
        ):
            registry.make("dvs_gesture", root=tmp_path).split("test")


def test_a_trial_that_is_missing_is_named(tmp_path):
    sets.write_gestures(tmp_path)
    (tmp_path / "DvsGesture" / "user02_lab.aedat").unlink()
    with pytest.raises(
        DataError, match=r"trials_to_train\.txt: got no user02_lab\.aedat and 0 more; .* Get it from"
    ):
        registry.make("dvs_gesture", root=tmp_path).split("train")


def test_a_gesture_without_events_is_refused(tmp_path):
    sets.write_gestures(tmp_path)
    table = tmp_path / "DvsGesture" / "user24_natural_labels.csv"
    table.write_text("class,startTime_usec,endTime_usec\n1,0,9\n")
    with pytest.raises(DataError, match="a recording without events; expected at least one"):
        registry.make("dvs_gesture", root=tmp_path).split("test")


def test_times_that_run_back_are_sorted_if_asked(tmp_path):
    sets.write_gestures(tmp_path)
    path = tmp_path / "DvsGesture" / "user24_natural.aedat"
    some, _ = sets.gesture_trial(2)
    path.write_bytes(files.aedat3(files.packet3([*some[1:2], *some[:1], *some[2:]])))
    with pytest.raises(DataError, match="Write disorder: sort"):
        registry.make("dvs_gesture", root=tmp_path).split("test")
    found = registry.make("dvs_gesture", root=tmp_path, disorder="sort").split("test")
    assert events_of(found, 0) == next(iter(sets.gestures("test")))[1] if len(found) else False
    with pytest.raises(
        ConfigError, match=r"data\.options\.disorder: got 'shuffle'; expected one of refuse, sort"
    ):
        registry.make("dvs_gesture", "data.options", disorder="shuffle")


@pytest.mark.parametrize("form", ["aedat", "aedat4", "npz"])
def test_cifar10_dvs_in_every_layout(form, tmp_path):
    if form == "npz":
        folder = tmp_path / "CIFAR10DVS" / "events_np"
        for label, name in enumerate(NAMES):
            (folder / name).mkdir(parents=True)
            for number in range(5):
                t, x, y, p = np.array(files.events(40, last=1_200_000, seed=100 * label + number)).T
                np.savez(folder / name / f"{number}.npz", t=t, x=x, y=y, p=p)
    else:
        write = files.aedat2 if form == "aedat" else lambda some: files.aedat4(some, 128, 128)
        sets.write_classes(tmp_path / "CIFAR10DVS", NAMES, write, f".{form}")
    splits = keeps_the_laws(registry.make("cifar10_dvs", root=tmp_path, test_share=0.2), 2)
    assert (len(splits["train"]), len(splits["test"])) == (40, 10)
    if form == "aedat":  # the pictures of the original lie on their side
        assert splits["train"].x.min() >= 128 - 34


def test_a_split_that_nobody_published_hangs_on_its_seed_alone(tmp_path):
    sets.write_classes(tmp_path / "CIFAR10DVS", NAMES, files.aedat2, ".aedat", count=10)
    place = ("cifar10_dvs", "data.options")
    make = lambda **options: registry.make(*place, root=tmp_path, **options).recordings("test")  # noqa: E731
    assert make() == make(seed=0) != make(seed=1)
    assert len(make(test_share=0.5)) == 50
    assert "no official split" in registry.make("cifar10_dvs").info.source
    for share in (0, 1, 0.01, True, "a"):
        with pytest.raises(ConfigError, match=r"data\.options\.test_share: got"):
            make(test_share=share)
    with pytest.raises(ConfigError, match=r"data\.options\.seed: got -1; expected an integer of at least 0"):
        make(seed=-1)


def test_ncaltech101(tmp_path):
    names = [f"thing_{number:03}" for number in range(101)]
    sets.write_classes(tmp_path / "N-Caltech101" / "Caltech101", names, files.nmnist, ".bin", 2, 280_000)
    splits = keeps_the_laws(registry.make("ncaltech101", root=tmp_path, test_share=0.5), 2)
    assert len(splits["train"]) == len(splits["test"]) == 101
    (tmp_path / "N-Caltech101" / "Caltech101" / "one_more").mkdir()
    with pytest.raises(DataError, match="got 102 folders; expected 101, one a class"):
        registry.make("ncaltech101", root=tmp_path).split("train")


def test_asl_dvs(tmp_path):
    for place, letter in enumerate("abcdefghiklmnopqrstuvwxy"):
        (tmp_path / "ASLDVS" / letter).mkdir(parents=True)
        for number in range(2):
            t, x, y, p = np.array(files.events(40, last=90_000, seed=9 * place + number), np.int32).T[
                ..., None
            ]
            scipy.io.savemat(
                tmp_path / "ASLDVS" / letter / f"{letter}_{number}.mat", {"ts": t, "x": x, "y": y, "pol": p}
            )
    dataset = registry.make("asl_dvs", root=tmp_path, test_share=0.5)
    splits = keeps_the_laws(dataset, 2)
    assert splits["train"].y.min() >= 180 - 34
    path = dataset.recordings("train")[0].path
    path.write_bytes(path.read_bytes()[:150])
    with pytest.raises(DataError, match="a truncated or damaged file"):
        dataset.split("train")


@pytest.mark.parametrize(("name", "classes"), [("shd", 20), ("ssc", 35)])
def test_the_heidelberg_sets(name, classes, tmp_path):
    pytest.importorskip("h5py")
    folder = tmp_path / name.upper()
    folder.mkdir()
    for seed, split in enumerate(("train", "test")):
        sets.write_spike_trains(
            folder / f"{name}_{split}.h5",
            [*range(classes)] * (2 - seed),
            seed=seed,
            last=1.35 if name == "shd" else 0.95,
        )
    dataset = registry.make(name, root=tmp_path)
    splits = keeps_the_laws(dataset)
    assert (len(splits["train"]), len(splits["test"])) == (2 * classes, classes)
    assert dataset.count("train") == 2 * classes


def test_damaged_spike_trains_are_refused(tmp_path):
    h5py = pytest.importorskip("h5py")
    path = sets.write_spike_trains(tmp_path / "shd_train.h5", [1, 2])
    sets.write_spike_trains(tmp_path / "shd_test.h5", [1, 2])
    good = path.read_bytes()
    read = lambda: registry.make("shd", root=tmp_path).split("train")  # noqa: E731
    for content, said in ((good[:100], "not HDF5, or damaged"), (b"", "not HDF5, or damaged")):
        path.write_bytes(content)
        with pytest.raises(DataError, match=said):
            read()
    for change, said in (
        (lambda file: file.__delitem__("labels"), "got the data sets spikes; expected"),
        (
            lambda file: file["spikes/units"].__setitem__(0, np.array([700] * len(file["spikes/times"][0]))),
            "x: got",
        ),
        (lambda file: file["spikes/units"].__setitem__(0, np.array([1, 2])), "times and 2 units"),
        (
            lambda file: file["spikes/times"].__setitem__(1, file["spikes/times"][1] - 1),
            "seconds from 0 to 3600",
        ),
        (lambda file: file["labels"].__setitem__(0, 20), "label: got 2 to 20"),
    ):
        path.write_bytes(good)
        with h5py.File(path, "r+") as file:
            change(file)
        with pytest.raises(DataError, match=said):
            read()


@pytest.mark.parametrize(
    "name", ["dvs_gesture", "cifar10_dvs", "ncaltech101", "asl_dvs", "shd", "ssc", "spoken_digits"]
)
def test_a_missing_set_says_where_to_get_it_and_which_folder(name, tmp_path):
    with pytest.raises(
        DataError, match=r"got no such file or folder; expected .*\. Get it from https://.*SPARETO_DATA"
    ):
        registry.make(name, root=tmp_path).split("train")
