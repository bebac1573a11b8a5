"""Lines of a script that turn text columns into what a text model is fitted to.

Options: `words` and `chars` are the largest n-gram length, 0 for none; `min_df` the texts a term must be in; `most_words`
the vocabulary kept; `cased`, `sublinear`, `no_stopwords`, `marks` (punctuation counts as words), `unescape`, `style`,
`binary` are switches; `counts` takes counts for TF-IDF; `topics` projects on so many directions.
"""

from __future__ import annotations

from mlmaster.engineers.offline.facts import Facts
from mlmaster.engineers.offline.layout import Code, call, literal
from mlmaster.engineers.offline.recipe import Options, Recipe

_WORD = r"(?u)\b\w+\b"
_WORD_OR_MARK = r"(?u)\b\w+\b|[^\w\s]"


def text_lines(recipe: Recipe, facts: Facts) -> list[str]:
    """Return lines (not indented) after which `X` and `X_test` are what the family's model takes."""
    options = recipe.options
    clean = "unescaped" if options.get("unescape") else "plain_text"
    lines = ["blocks = []", f"for column in {literal(list(facts.texts), indent=4, used=15)}:"]
    lines.append(f"    texts, test_texts = {clean}(train[column]), {clean}(test[column])")
    lines.append(f"    blocks += {literal(_blocks(options, facts), indent=8, used=10)}")
    lines.append("X, X_test = joined(blocks)")
    if options.get("topics"):
        lines.append(f"X, X_test = topics(X, X_test, {options['topics']})")
    return lines


def _blocks(options: Options, facts: Facts) -> list[Code]:
    function = "word_counts" if options.get("counts") else "tfidf"
    texts = (Code("texts"), Code("test_texts"))
    common: dict[str, object] = {"min_df": options.get("min_df", 2) if facts.rows > 200 else 1}
    if options.get("most_words"):
        common["max_features"] = options["most_words"]
    if options.get("cased"):
        common["lowercase"] = False
    if options.get("binary"):
        common["binary"] = True
    if options.get("sublinear") and function == "tfidf":
        common["sublinear_tf"] = True
    blocks = []
    if options.get("words"):
        words: dict[str, object] = {"ngram_range": (1, options["words"]), **common}
        words["token_pattern"] = _WORD_OR_MARK if options.get("marks") else _WORD
        if options.get("no_stopwords"):
            words["stop_words"] = "english"
        blocks.append(call(function, *texts, indent=12, used=1, **words))
    if options.get("chars"):
        analyzer = "char" if options.get("across_words") else "char_wb"
        chars = {"analyzer": analyzer, "ngram_range": (options.get("least_chars", 2), options["chars"]), **common}
        blocks.append(call(function, *texts, indent=12, used=1, **chars))
    if options.get("style") and not options.get("counts"):
        blocks.append(call("style", *texts))
    return blocks
