"""Dice of masks: biopsies of several sizes (hubmap) and satellite images of one (contrails)."""

import random
from collections.abc import Collection, Iterator, Sequence

import pandas as pd
from tests.mlebench.graders.suite import INVALID, Case, Suite, broken_files
from tests.mlebench.graders.suites.damage import (
    broken_columns,
    broken_rows,
    columns_otherwise,
    with_cell,
    written_otherwise,
)
from tests.mlebench.graders.suites.masks import Pixels, ellipse, malformed, odd_counts, respelled, worn, written

EMPTY: Pixels = frozenset()


def suites() -> Iterator[Suite]:
    yield hubmap()
    yield contrails()


def hubmap() -> Suite:
    chance = random.Random(1)
    ids = [f"{chance.getrandbits(32):08x}f" for _ in range(8)]
    shapes = [(chance.randint(9, 30), chance.randint(9, 30)) for _ in ids]
    sizes = [height * width for height, width in shapes]
    truth = [ellipse(chance, height, width) for height, width in shapes]
    truth[-1] = EMPTY

    def table(masks: Sequence[Collection[int]]) -> pd.DataFrame:
        return pd.DataFrame({"id": ids, "predicted": [written(mask) or None for mask in masks]})

    def score(masks: Sequence[Collection[int]]) -> float:
        dices = [
            2 * len(set(one) & other) / (len(one) + len(other)) if len(one) + len(other) else 1.0
            for one, other in zip(masks, truth, strict=True)
        ]
        return sum(dices) / len(dices)

    good = table(truth)
    answers = pd.DataFrame(
        {
            "id": ids,
            "encoding": [written(mask) or " " for mask in truth],
            "width_pixels": [width for _, width in shapes],
            "height_pixels": [height for height, _ in shapes],
        }
    )
    masks: dict[str, Sequence[Collection[int]]] = {
        **{
            f"worn {share}": [worn(chance, *each, share) for each in zip(truth, sizes, strict=True)]
            for share in (0.1, 0.5)
        },
        "full": [range(size) for size in sizes],
        "turned inside out": [set(range(size)) - mask for mask, size in zip(truth, sizes, strict=True)],
        "one left out": [EMPTY, *truth[1:]],
        "something where nothing is": [*truth[:-1], {0}],
        "one pixel each": [{0} for _ in ids],
    }
    cases = [
        Case("perfect", "perfect", good, 1.0),
        Case("sample", "nothing found", table([EMPTY] * 8), 1 / 8),
        *(Case("noisy", name, table(each), score(each)) for name, each in masks.items()),
        *(
            Case("noisy", name, with_cell(good, "predicted", text), score([pixels, *truth[1:]]))
            for name, (text, pixels) in odd_counts().items()
        ),
        Case("noisy", "blank text", with_cell(good, "predicted", "   "), score([EMPTY, *truth[1:]])),
        Case(
            "noisy",
            "a run that leaves the image",
            with_cell(good, "predicted", f"2 {sizes[0] + 50}"),
            score([range(1, sizes[0]), *truth[1:]]),
        ),
        *respelled(good, "predicted", truth[0], sizes[0], 1.0),
        *malformed(good, "predicted"),
        Case("broken", "a dash for nothing", with_cell(good, "predicted", "-", 7), INVALID),
        *written_otherwise(good, 1.0),
        *columns_otherwise(good, 1.0),
        *broken_rows(good, "id"),
        *broken_columns(good, "id", "predicted"),
        *broken_files(good),
    ]
    return Suite(
        "hubmap-kidney-segmentation",
        answers,
        cases,
        "Masks are Python sets of pixel numbers; Dice is counted on them image by image and averaged. What an odd text means "
        "is written out as a set by hand.",
    )


def contrails() -> Suite:
    chance = random.Random(2)
    height, width = 16, 12
    size = height * width
    ids = chance.sample(range(10**15, 10**18), 24)
    truth = [ellipse(chance, height, width) if chance.random() < 0.6 else EMPTY for _ in ids]
    truth[0] = ellipse(chance, height, width)

    def table(masks: Sequence[Collection[int]]) -> pd.DataFrame:
        texts = [written(mask) or "-" for mask in masks]
        return pd.DataFrame({"record_id": ids, "encoded_pixels": texts, "height": height, "width": width})

    def score(masks: Sequence[Collection[int]]) -> float:
        def placed(each: Sequence[Collection[int]]) -> set[tuple[int, int]]:
            return {(image, pixel) for image, mask in enumerate(each) for pixel in mask}

        one, other = placed(masks), placed(truth)
        return 2 * len(one & other) / (len(one) + len(other))

    good = table(truth)
    sample = [chance.choice([{0, 1, 2, 9, 10, 11, 12, 13}, EMPTY]) for _ in ids]
    masks: dict[str, Sequence[Collection[int]]] = {
        **{f"worn {share}": [worn(chance, each, size, share) for each in truth] for share in (0.1, 0.3, 0.7)},
        "full": [range(size)] * len(ids),
        "one left out": [EMPTY, *truth[1:]],
        "turned by a row": truth[1:] + truth[:1],
        "nothing found": [EMPTY] * len(ids),
    }
    cases = [
        Case("perfect", "perfect", good, 1.0),
        Case("perfect", "ids and masks alone", good[["record_id", "encoded_pixels"]], 1.0),
        Case("perfect", "other sizes beside them", good.assign(height=1, width="x"), 1.0),
        Case("sample", "sample submission", table(sample), score(sample)),
        *(Case("noisy", name, table(each), score(each)) for name, each in masks.items()),
        *(
            Case("noisy", name, with_cell(good, "encoded_pixels", text), score([pixels, *truth[1:]]))
            for name, (text, pixels) in odd_counts().items()
        ),
        Case("noisy", "blank text", with_cell(good, "encoded_pixels", " "), score([EMPTY, *truth[1:]])),
        Case(
            "noisy",
            "a run that leaves the image",
            with_cell(good, "encoded_pixels", f"2 {size}"),
            score([range(1, size), *truth[1:]]),
        ),
        *respelled(good, "encoded_pixels", truth[0], size, 1.0),
        *malformed(good, "encoded_pixels"),
        Case("broken", "an empty cell", with_cell(good, "encoded_pixels", None), INVALID),
        Case("broken", "nothing at all", good.assign(encoded_pixels=None), INVALID),
        Case("broken", "a dash and a blank", with_cell(good, "encoded_pixels", "- "), INVALID),
        *written_otherwise(good, 1.0),
        *columns_otherwise(good, 1.0),
        *broken_rows(good, "record_id"),
        *broken_columns(good, "record_id", "encoded_pixels"),
        *broken_files(good),
    ]
    return Suite(
        "google-research-identify-contrails-reduce-global-warming",
        answers=good,
        cases=cases,
        derivation="Masks are Python sets of pairs of image and pixel; one Dice is counted on their union over all images.",
    )
