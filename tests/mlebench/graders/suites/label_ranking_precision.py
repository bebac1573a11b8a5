"""Sounds with some of eighty labels; precision of every true label by counting the scores that are no lower."""

import random
from collections.abc import Iterator, Sequence
from fractions import Fraction

import numpy as np
import pandas as pd
from tests.mlebench.graders.suite import INVALID, Case, Suite, broken_files
from tests.mlebench.graders.suites.damage import broken_columns, broken_rows, with_cell, written_otherwise

CLASSES = """
Accelerating_and_revving_and_vroom Accordion Acoustic_guitar Applause Bark Bass_drum Bass_guitar Bathtub_(filling_or_washing)
Bicycle_bell Burping_and_eructation Bus Buzz Car_passing_by Cheering Chewing_and_mastication Child_speech_and_kid_speaking
Chink_and_clink Chirp_and_tweet Church_bell Clapping Computer_keyboard Crackle Cricket Crowd Cupboard_open_or_close
Cutlery_and_silverware Dishes_and_pots_and_pans Drawer_open_or_close Drip Electric_guitar Fart Female_singing
Female_speech_and_woman_speaking Fill_(with_liquid) Finger_snapping Frying_(food) Gasp Glockenspiel Gong Gurgling Harmonica
Hi-hat Hiss Keys_jangling Knock Male_singing Male_speech_and_man_speaking Marimba_and_xylophone Mechanical_fan Meow
Microwave_oven Motorcycle Printer Purr Race_car_and_auto_racing Raindrop Run Scissors Screaming Shatter Sigh
Sink_(filling_or_washing) Skateboard Slam Sneeze Squeak Stream Strum Tap Tick-tock Toilet_flush
Traffic_noise_and_roadway_noise Trickle_and_dribble Walk_and_footsteps Water_tap_and_faucet Waves_and_surf Whispering Writing
Yell Zipper_(clothing)
""".split()  # noqa: SIM905


def suites() -> Iterator[Suite]:
    chance = random.Random(12)
    truth = [
        [int(each in chosen) for each in range(80)]
        for chosen in (chance.sample(range(80), chance.choice([1, 1, 2, 4])) for _ in range(20))
    ]
    truth[3] = [0] * 80
    names = [f"{chance.getrandbits(30):08x}.wav" for _ in truth]

    def table(rows: Sequence[Sequence[object]]) -> pd.DataFrame:
        return pd.DataFrame(rows, columns=CLASSES).assign(fname=names)[["fname", *CLASSES]]

    def scored(kind: str, name: str, rows: Sequence[Sequence[float]]) -> Case:
        return Case(kind, name, table(rows), precision(rows, truth))

    good = table(truth)
    noise = np.random.default_rng(13).random((6, 20, 80)).round(4)
    flags = [[bool(cell) for cell in row] for row in truth]
    one, last = CLASSES[0], CLASSES[-1]
    swapped = [good.columns[0], CLASSES[1], CLASSES[0], *CLASSES[2:]]
    doubled = good.to_csv(index=False).replace(f",{last}\n", f",{one}\n", 1)
    cases = [
        Case("perfect", "perfect", good, 1.0),
        Case("perfect", "of any size", table([[1000 * cell - 1e6 for cell in row] for row in truth]), 1.0),
        Case("perfect", "a number as 1e-3", with_cell(good.astype({one: float}), one, "1e-3", row=3), 1.0),
        Case("sample", "0 for all", table([[0] * 80] * 20), tied(truth)),
        Case("sample", "1 for all", table([[1.0] * 80] * 20), tied(truth)),
        scored("noisy", "turned round", [[-cell for cell in row] for row in truth]),
        scored("noisy", "two values only", [[int(cell or n % 3 == 0) for n, cell in enumerate(row)] for row in truth]),
        scored(
            "noisy",
            "infinitely small differences",
            [[cell * 1e-12 + n * 1e-13 for n, cell in enumerate(row)] for row in truth],
        ),
        *(
            scored("noisy", f"noise {number}", (np.asarray(truth) * number / 6 + each).round(4).tolist())
            for number, each in enumerate(noise)
        ),
        Case("perfect", "flags in one column", good.assign(**{one: [row[0] for row in flags]}), 1.0),
        Case("perfect", "an empty cell where nothing is true", with_cell(good, last, None, row=3), 1.0),
        Case("perfect", "an infinity where nothing is true", with_cell(good, last, "inf", row=3), 1.0),
        Case("broken", "flags everywhere", table(flags), INVALID),
        Case("broken", "an empty cell", with_cell(good, one, None), INVALID),
        Case("broken", "an empty column", good.assign(**{last: None}), INVALID),
        Case("broken", "an infinite score", with_cell(good, one, "inf"), INVALID),
        Case("broken", "a word", with_cell(good, one, "high"), INVALID),
        Case("broken", "a comma in a number", with_cell(good, one, "0,5"), INVALID),
        Case("broken", "two classes change places", good[swapped], INVALID),
        Case("broken", "classes turned round", good[["fname", *CLASSES[::-1]]], INVALID),
        Case("broken", "name at the end", good[[*CLASSES, "fname"]], INVALID),
        Case("broken", "a column more", good.assign(note=0), INVALID),
        Case("broken", "an index", good.reset_index(), INVALID),
        Case("broken", "a class twice", doubled, INVALID),
        *written_otherwise(good, 1.0),
        *broken_rows(good, "fname"),
        *broken_columns(good, "fname", one, last),
        *broken_files(good),
    ]
    yield Suite(
        "freesound-audio-tagging-2019",
        good,
        cases,
        "For every true label the true labels scored no lower are counted against all labels scored no lower, in fractions, "
        "and the mean is over all true labels; with equal scores it is n/80 by hand.",
    )


def precision(rows: Sequence[Sequence[float]], truth: Sequence[Sequence[int]]) -> float:
    total, labels = Fraction(), 0
    for scores, true in zip(rows, truth, strict=True):
        for score, is_true in zip(scores, true, strict=True):
            if is_true:
                no_lower = [own for other, own in zip(scores, true, strict=True) if other >= score]
                total += Fraction(sum(no_lower), len(no_lower))
                labels += 1
    return float(total / labels)


def tied(truth: Sequence[Sequence[int]]) -> float:
    return float(sum(Fraction(sum(row) ** 2, 80) for row in truth) / sum(map(sum, truth)))
