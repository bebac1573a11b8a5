"""Kaggle's raw files made up for every competition with a recipe, with enough rows to be split and scored.

Names, columns, kinds of values and ids are like those of the real files. Where the test of a recipe makes such files already,
it is asked for more of them.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
from tests.mlebench.preparation.recipes import (
    test_aerial_cactus_identification,
    test_champs_scalar_coupling,
    test_denoising_dirty_documents,
    test_dogs_vs_cats_redux_kernels_edition,
    test_google_quest_challenge,
    test_histopathologic_cancer_detection,
    test_leaf_classification,
    test_mlsp_2013_birds,
    test_osic_pulmonary_fibrosis_progression,
    test_petfinder_pawpularity_score,
    test_plant_seedlings_classification,
    test_random_acts_of_pizza,
    test_stanford_covid_vaccine,
    test_tabular_playground_series_dec_2021,
    test_text_normalization,
    test_ventilator_pressure_prediction,
)
from tests.mlebench.preparation.recipes.plain_python import table, write, write_files
from tests.mlebench.preparation.recipes.synthetic import Row, raw_table

WORDS = (
    "a",
    "the",
    "of",
    "cats",
    "and",
    "dogs",
    "not",
    "very",
    "good",
    "bad",
    "film",
    "plot",
    "is",
    "was",
    "in",
    "on",
    "sea",
)
OFFICIAL_TEST_ROWS = 100_000
"""Of tabular-playground-series-may-2022: its recipe takes so many rows, however many there are."""


def _sentence(random: np.random.Generator, least: int = 4, most: int = 15) -> str:
    return " ".join(random.choice(WORDS, int(random.integers(least, most))))


def _id(random: np.random.Generator) -> str:
    return random.bytes(5).hex() + "f"


def _write_table(raw: Path, rows: list[Row], name: str = "train.csv", sep: str = ",") -> None:
    write(raw / name, raw_table(rows, sep))


def _insults(raw: Path) -> None:
    random = np.random.default_rng(0)

    def rows(size: int, **more: str) -> list[dict[str, str]]:
        return [
            {
                "Insult": str(random.integers(2)),
                "Date": f"201206{random.integers(10, 29)}182222Z" if random.integers(5) else "",
                "Comment": f'"{_sentence(random)}\\xa0 {number}"',
                **more,
            }
            for number in range(size)
        ]

    write_files(raw, {"train.csv": table(rows(320)), "test_with_solutions.csv": table(rows(80, Usage="PrivateTest"))})


def _toxic(raw: Path) -> None:
    random = np.random.default_rng(0)
    labels = ("toxic", "severe_toxic", "obscene", "threat", "insult", "identity_hate")

    def marks(*, is_hidden: bool = False) -> dict[str, int]:
        return {name: -1 if is_hidden else int(random.random() < 0.15) for name in labels}

    test = [_id(random) for _ in range(90)]
    tables: dict[str, list[Row]] = {
        "train.csv": [{"id": _id(random), "comment_text": _sentence(random), **marks()} for _ in range(400)],
        "test.csv": [{"id": each, "comment_text": _sentence(random)} for each in test],
        "test_labels.csv": [{"id": each, **marks(is_hidden=bool(random.integers(2)))} for each in test],
        "sample_submission.csv": [{"id": each, **dict.fromkeys(labels, 0)} for each in test],
    }
    for name, rows in tables.items():
        _write_table(raw, rows, name)


def _essays(raw: Path) -> None:
    random = np.random.default_rng(0)
    _write_table(
        raw,
        [
            {"essay_id": _id(random)[:7], "full_text": _sentence(random, 20, 60), "score": int(random.integers(1, 7))}
            for _ in range(400)
        ],
    )


def _chatbots(raw: Path) -> None:
    random = np.random.default_rng(0)
    rows: list[Row] = []
    for number in range(400):
        winner = int(random.integers(3))
        texts = {name: json.dumps([_sentence(random)]) for name in ("prompt", "response_a", "response_b")}
        marks = {f"winner_{name}": int(at == winner) for at, name in enumerate(("model_a", "model_b", "tie"))}
        models = {
            "model_a": str(random.choice(["gpt-4", "claude-1"])),
            "model_b": str(random.choice(["palm-2", "koala"])),
        }
        rows.append({"id": int(random.integers(2**32)) * 2**10 + number, **models, **texts, **marks})
    _write_table(raw, rows)


def _film_phrases(raw: Path) -> None:
    random = np.random.default_rng(0)
    rows: list[Row] = [
        {
            "PhraseId": number + 1,
            "SentenceId": number // 4 + 1,
            "Phrase": _sentence(random, 1, 12),
            "Sentiment": int(random.integers(5)),
        }
        for number in range(600)
    ]
    _write_table(raw, rows, "train.tsv", "\t")


def _conductors(raw: Path) -> None:
    random = np.random.default_rng(0)
    rows = [
        {
            "id": str(number),
            "spacegroup": str(random.choice([12, 33, 167, 194, 206, 227])),
            "number_of_total_atoms": str(random.choice([10, 20, 40, 80])),
            "lattice_vector_1_ang": f"{random.uniform(3, 25):.4f}",
            "formation_energy_ev_natom": f"{random.uniform(0, 0.6):.4f}",
            "bandgap_energy_ev": f"{random.uniform(0, 5):.4f}",
        }
        for number in range(1, 301)
    ]
    crystals = {f"train/{row['id']}/geometry.xyz": f"crystal {row['id']}".encode() for row in rows}
    write_files(raw, {"train.csv": table(rows), **crystals})


def _reactions(raw: Path) -> None:
    random = np.random.default_rng(0)
    rows: list[Row] = [
        {
            "id": number,
            "BertzCT": float(random.normal(500, 200)),
            "Chi1": float(random.normal(9, 3)),
            "NumHeteroatoms": int(random.integers(0, 30)),
            **{f"EC{place}": int(random.integers(2)) for place in range(1, 7)},
        }
        for number in range(400)
    ]
    _write_table(raw, rows)


def _pizza(raw: Path) -> None:
    requests = test_random_acts_of_pizza.requests_of(400)
    asked = test_random_acts_of_pizza.kaggle_test_of(160)
    for name, rows in (("train.json", requests), ("test.json", asked)):
        write(raw / name, json.dumps(rows).encode())


def _ship(raw: Path) -> None:
    random = np.random.default_rng(0)
    rows = [
        {
            "PassengerId": f"{number // 2 + 1:04}_{number % 2 + 1:02}",
            "HomePlanet": str(random.choice(["Earth", "Europa", "Mars", ""])),
            "CryoSleep": str(random.choice(["TRUE", "FALSE", ""])),
            "Age": str(random.integers(0, 80)),
            "Spa": f"{random.integers(0, 3000)}.0",
            "Transported": str(random.choice(["TRUE", "FALSE"])),
        }
        for number in range(400)
    ]
    write(raw / "train.csv", table(rows))


def _authors(raw: Path) -> None:
    random = np.random.default_rng(0)
    rows = [
        {"id": f"id{number:05}", "text": _sentence(random), "author": str(random.choice(["EAP", "HPL", "MWS"]))}
        for number in random.permutation(30_000)[:400].tolist()
    ]
    write(raw / "train.csv", table(rows))


def _states(raw: Path) -> None:
    random = np.random.default_rng(0)
    rows: list[Row] = [
        {
            "id": number,
            "f_00": float(random.normal()),
            "f_07": int(random.integers(10)),
            "f_27": str(random.choice(["ABBA", "BAAB"])),
            "target": int(random.integers(2)),
        }
        for number in range(OFFICIAL_TEST_ROWS + 400)
    ]
    _write_table(raw, rows)


def _normalised(language: str) -> Callable[[Path], None]:
    def make(raw: Path) -> None:
        _write_table(raw, test_text_normalization.rows_of(200), f"{language}_train.csv")

    return make


def _tweets(raw: Path) -> None:
    random = np.random.default_rng(0)
    rows: list[Row] = []
    for number in range(400):
        text = _sentence(random)
        part = None if number == 7 else " ".join(text.split()[: int(random.integers(1, 5))])
        mood = str(random.choice(["neutral", "negative", "positive"]))
        rows.append({"textID": _id(random), "text": part and text, "selected_text": part, "sentiment": mood})
    _write_table(raw, rows)


def _phrases(raw: Path) -> None:
    random = np.random.default_rng(0)
    rows: list[Row] = [
        {
            "id": _id(random),
            "anchor": _sentence(random, 1, 3),
            "target": _sentence(random, 1, 4),
            "context": str(random.choice(["A47", "G02", "H04"])),
            "score": float(random.integers(5)) / 4,
        }
        for _ in range(400)
    ]
    _write_table(raw, rows)


def _questions(raw: Path) -> None:
    _write_table(raw, test_google_quest_challenge.rows_of(400, lambda number: float(number % 40 == 0)))


MAKERS: Mapping[str, Callable[[Path], None]] = {
    "aerial-cactus-identification": lambda raw: test_aerial_cactus_identification.make_raw(raw, size=400),
    "champs-scalar-coupling": lambda raw: test_champs_scalar_coupling.make_raw(raw, molecules=150),
    "denoising-dirty-documents": test_denoising_dirty_documents.make_raw,
    "detecting-insults-in-social-commentary": _insults,
    "dogs-vs-cats-redux-kernels-edition": lambda raw: test_dogs_vs_cats_redux_kernels_edition.make_raw(raw, size=400),
    "google-quest-challenge": _questions,
    "histopathologic-cancer-detection": lambda raw: test_histopathologic_cancer_detection.make_raw(
        raw, size=400, hidden=100
    ),
    "jigsaw-toxic-comment-classification-challenge": _toxic,
    "leaf-classification": lambda raw: test_leaf_classification.make_raw(raw, size=400),
    "learning-agency-lab-automated-essay-scoring-2": _essays,
    "lmsys-chatbot-arena": _chatbots,
    "mlsp-2013-birds": test_mlsp_2013_birds.make_raw,
    "movie-review-sentiment-analysis-kernels-only": _film_phrases,
    "nomad2018-predict-transparent-conductors": _conductors,
    "osic-pulmonary-fibrosis-progression": test_osic_pulmonary_fibrosis_progression.make_raw,
    "petfinder-pawpularity-score": lambda raw: test_petfinder_pawpularity_score.make_raw(raw, size=400),
    "plant-seedlings-classification": lambda raw: test_plant_seedlings_classification.make_raw(raw, size=400),
    "playground-series-s3e18": _reactions,
    "random-acts-of-pizza": _pizza,
    "spaceship-titanic": _ship,
    "spooky-author-identification": _authors,
    "stanford-covid-vaccine": lambda raw: test_stanford_covid_vaccine.make_raw(raw),
    "tabular-playground-series-dec-2021": lambda raw: _write_table(
        raw, test_tabular_playground_series_dec_2021.rows_of(400)
    ),
    "tabular-playground-series-may-2022": _states,
    "text-normalization-challenge-english-language": _normalised("en"),
    "text-normalization-challenge-russian-language": _normalised("ru"),
    "tweet-sentiment-extraction": _tweets,
    "us-patent-phrase-to-phrase-matching": _phrases,
    "ventilator-pressure-prediction": lambda raw: test_ventilator_pressure_prediction.make_raw(
        raw, breaths=120, is_mixed=False
    ),
}
"""By competition: fills a new folder."""
