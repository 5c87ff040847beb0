"""Descriptions that say only how they differ from an accelerator, or from a usual part."""

import pytest
import yaml

from spareto import hardware
from spareto.core.errors import UnknownName
from spareto.hardware.accelerators import _FOLDER  # pyright: ignore[reportPrivateUsage]

ENERGY = {"value": 1, "unit": "pJ", "source": "our memory"}


def test_a_description_may_be_like_another(tmp_path):
    own = yaml.safe_load((_FOLDER / "ptb_like.yaml").read_text())
    own["components"][0] = {"like": "lpddr4", "read_energy": ENERGY}
    (tmp_path / "part.yaml").write_text(yaml.safe_dump(own))
    whole = {"like": "ptb_like", "components": {"dram": {"read_energy": ENERGY}}}
    (tmp_path / "whole.yaml").write_text(yaml.safe_dump(whole))
    part, whole = (hardware.load_accelerator(tmp_path / name) for name in ("part.yaml", "whole.yaml"))
    assert part == whole
    usual, mine = (chip.to_dict()["components"] for chip in (hardware.load_accelerator("ptb_like"), part))
    assert (mine[0]["read_energy"]["value"], usual[0]["read_energy"]["value"]) == (1, 512)
    assert {**mine[0], "read_energy": usual[0]["read_energy"]} == usual[0]
    assert mine[1:] == usual[1:]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"like": "ptb_lik"}, r"accelerator\.like: got 'ptb_lik'; .* Did you mean 'ptb_like'\?"),
        ({"like": ["ptb_like"]}, r"accelerator\.like: got \['ptb_like'\]; expected one of akida_like"),
        (
            {"components": [{}, {"like": "lpddr5"}]},
            r"components\[1\]\.like: got 'lpddr5'; expected one of lpddr4, arithmetic, lif_updates\.",
        ),
    ],
)
def test_a_description_like_nothing_that_is_there_is_refused(tmp_path, given, said):
    (tmp_path / "own.yaml").write_text(yaml.safe_dump(given))
    with pytest.raises(UnknownName, match=said):
        hardware.load_accelerator(tmp_path / "own.yaml")
