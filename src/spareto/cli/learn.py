"""`spareto learn`: networks that learn by local rules."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from spareto.cli.console import Console, Flag, print_json

if TYPE_CHECKING:
    from spareto.plasticity.config import LocalStudy
    from spareto.plasticity.results import LocalResult


def learn(
    config: Path,
    /,
    *,
    out: Path | None = None,
    json: Flag = False,
    quiet: Flag = False,
    wait: Flag = False,
) -> None:
    """Train networks that learn by local rules, and print what they are worth and take.

    Each result is stored at once; a run that was stopped is carried on by the same command.

    Args:
        config: Study file of local learning, YAML.
        out: Run folder; runs/NAME if left out.
        json: Print JSON.
        quiet: Show no progress.
        wait: Wait for another process that writes to the run folder, instead of refusing.
    """
    from spareto.plasticity.config import LocalStudy
    from spareto.plasticity.pictures import baselines, load_pictures
    from spareto.plasticity.run import run_local_study
    from spareto.study.writer import only_writer

    study = LocalStudy.load(config)
    folder = out or Path("runs") / study.name
    data = load_pictures(study)
    told = Console(stderr=True, soft_wrap=True)

    def tell(name: str, done: int, of: int) -> None:
        if not quiet and (done == of or not told.is_terminal or done % 10_000 < 1000):
            told.print(f"{name}: {done:,} of {of:,} images")

    with only_writer(folder, wait=wait):
        results = run_local_study(study, data, folder, tell)
    simple = baselines(data)
    if json:
        print_json(_facts(study, results, simple))
        return
    from spareto.cli.learn_tables import print_results

    print_results(
        study,
        results,
        simple,
        {"learnt": len(data.train), "ranked": len(data.validation), "test": len(data.test)},
    )


def _facts(study: LocalStudy, results: list[LocalResult], simple: dict[str, float]) -> dict[str, Any]:
    """What the tables show, and their parts; keys carry their unit."""
    from spareto.plasticity.results import rows

    return {
        "study": study.name,
        "baselines": simple,
        "networks": [
            {
                "label": row.label,
                "neurons": row.neurons,
                "test_accuracy": row.accuracy("test", study.vote),
                "test_accuracy_std": row.spread("test", study.vote),
                "validation_accuracy": row.accuracy("validation", study.vote),
                "score": row.score,
                "memory_bits": row.memory_bits,
                "learning_pj": row.learning_pj,
                "inference_pj": row.watching_pj,
            }
            for row in rows(results, study.networks[0].called, study.score, study.vote)
        ],
        "results": [
            {
                **result.to_dict(),
                "memory_bits": result.memory(),
                **{
                    f"{when}_{what}": getattr(result, what.removesuffix("_pj"))(learns=learns)
                    for when, learns in (("learning", True), ("inference", False))
                    for what in ("operations", "energy_pj")
                },
            }
            for result in results
        ],
    }
