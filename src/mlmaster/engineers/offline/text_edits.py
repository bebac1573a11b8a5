# ruff: noqa: ARG001, ARG005  (one signature for all of a kind, needed or not)
"""Edits for texts: what counts as a word, what is kept, how hard it is regularised."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from mlmaster.engineers.offline.edits import Edit, number, switch, tune
from mlmaster.engineers.offline.facts import Facts
from mlmaster.engineers.offline.families import COUNTING, FAMILIES
from mlmaster.engineers.offline.recipe import Option, Recipe

WORDS = ("words",)
LINEAR = (
    "word_logistic",
    "word_char_logistic",
    "char_logistic",
    "bayes_logistic",
    "text_svm",
    "text_ridge",
    "text_svr",
)
BAYES = ("naive_bayes", "complement_bayes")


def _style(recipe: Recipe, facts: Facts) -> Mapping[str, Option]:
    return {} if recipe.family in COUNTING else switch("style", WORDS)(recipe, facts)


def _characters(recipe: Recipe, facts: Facts) -> Mapping[str, Option]:
    fits = FAMILIES[recipe.family].matrix == "words" and not recipe.options.get("chars")
    return {"chars": 5, "least_chars": 2} if fits else {}


def _longer_characters(recipe: Recipe, facts: Facts) -> Mapping[str, Option]:
    longest = number(recipe.options, "chars")
    return {"chars": int(longest) + 1, "least_chars": 1} if 0 < longest < 7 else {}


def _word_pairs(recipe: Recipe, facts: Facts) -> Mapping[str, Option]:
    longest = int(number(recipe.options, "words"))
    return {"words": longest + 1} if FAMILIES[recipe.family].matrix == "words" and longest < 3 else {}


TEXT_EDITS: Sequence[Edit] = (
    Edit(
        "add_character_ngrams",
        "Add TF-IDF of character n-grams within words: they see endings, misspellings and obscured words.",
        _characters,
        prior=(5.0, 1.0),
    ),
    Edit(
        "longer_character_ngrams",
        "Widen the range of character n-grams by one on both sides.",
        _longer_characters,
        prior=(1.5, 2.0),
    ),
    Edit(
        "characters_across_words",
        "Let character n-grams run across word boundaries, which catches short phrases.",
        lambda r, f: {"across_words": True} if r.options.get("chars") else {},
        prior=(1.5, 2.0),
    ),
    Edit(
        "longer_word_ngrams",
        "Add longer sequences of words: phrases say what single words do not.",
        _word_pairs,
        prior=(2.0, 2.0),
    ),
    Edit(
        "keep_case",
        "Keep capitals: names and shouting carry meaning.",
        switch("cased", WORDS),
        prior=(1.5, 2.0),
    ),
    Edit(
        "punctuation_as_words",
        "Count punctuation marks as words: authors differ in them.",
        switch("marks", WORDS),
        prior=(3.0, 1.5),
    ),
    Edit(
        "style_features",
        "Add length, punctuation, capitals and repetition: how a text is written, not what it says.",
        _style,
        prior=(2.0, 2.0),
    ),
    Edit(
        "unescape",
        "Undo escapes and markup left in the texts, so that a word is one word wherever it stands.",
        switch("unescape", WORDS),
        prior=(2.0, 2.0),
    ),
    Edit(
        "keep_rare_terms",
        "Keep terms that occur in one text only.",
        lambda r, f: {"min_df": 1} if number(r.options, "min_df") > 1 else {},
        prior=(2.0, 2.0),
    ),
    Edit(
        "drop_rare_terms",
        "Keep only terms that occur in several texts.",
        lambda r, f: {"min_df": 4} if 0 < number(r.options, "min_df") < 4 else {},
        prior=(1.0, 2.0),
    ),
    Edit(
        "plain_frequencies",
        "Weigh terms by their plain frequency instead of its logarithm.",
        lambda r, f: {"sublinear": False} if r.options.get("sublinear") else {},
        prior=(0.7, 2.5),
    ),
    Edit(
        "presence_only",
        "Only ask whether a term is there, not how often.",
        switch("binary", WORDS),
        prior=(1.0, 2.0),
    ),
    Edit(
        "no_stopwords",
        "Leave out the most common English words.",
        switch("no_stopwords", WORDS),
        prior=(0.5, 3.0),
    ),
    Edit(
        "weaker_text_penalty",
        "Trust the terms more: a third of the penalty.",
        tune(LINEAR, lambda o: {"strength": round(3 * number(o, "strength"), 4)}),
        prior=(2.0, 2.0),
    ),
    Edit(
        "stronger_text_penalty",
        "Trust the terms less: three times the penalty.",
        tune(LINEAR, lambda o: {"strength": round(number(o, "strength") / 3, 4)}),
        prior=(2.0, 2.0),
    ),
    Edit(
        "less_smoothing",
        "Smooth the counts of naive Bayes less.",
        tune(BAYES, lambda o: {"alpha": round(number(o, "alpha") / 3, 4)}),
        prior=(2.0, 2.0),
    ),
    Edit(
        "more_smoothing",
        "Smooth the counts of naive Bayes more.",
        tune(BAYES, lambda o: {"alpha": round(number(o, "alpha") * 3, 4)}),
    ),
    Edit(
        "more_topics",
        "Keep three times as many topics.",
        tune(("topic_boosting",), lambda o: {"topics": int(3 * number(o, "topics"))}),
        prior=(1.5, 2.0),
    ),
)
"""Every edit for text families."""
