# mypy: ignore-errors
"""Text: cleaning, TF-IDF of words and characters, style, topics."""

import html
import re

import numpy as np
import pandas as pd
from scipy.sparse import csr_matrix, hstack
from sklearn.decomposition import TruncatedSVD
from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer

from mlmaster.engineers.offline.blocks.reading import SEED


def plain_text(column: pd.Series) -> pd.Series:
    """Return texts as strings, empty where missing."""
    return column.fillna("").astype("str")


def unescaped(column: pd.Series) -> pd.Series:
    r"""Return texts without what files leave in them: escapes such as \n and \u00e9, HTML entities and tags."""

    def clean(text: str) -> str:
        text = re.sub(r"\\+u([0-9a-fA-F]{4})", lambda found: chr(int(found[1], 16)), text)
        text = re.sub(r"\\+x([0-9a-fA-F]{2})", lambda found: chr(int(found[1], 16)), text)
        text = re.sub(r"\\+[nrt]", " ", text).replace("\\", "")
        text = re.sub(r"<[^<>]{1,200}>", " ", html.unescape(text))
        return re.sub(r"\s+", " ", text.encode("utf-8", "replace").decode("utf-8")).strip(' "')

    return plain_text(column).map(clean)


def tfidf(texts: pd.Series, test_texts: pd.Series, **settings) -> tuple[csr_matrix, csr_matrix]:
    """Weigh words or characters by how rare they are; the vocabulary comes from train."""
    vectorizer = TfidfVectorizer(dtype=np.float32, **settings)
    return vectorizer.fit_transform(texts), vectorizer.transform(test_texts)


def word_counts(texts: pd.Series, test_texts: pd.Series, **settings) -> tuple[csr_matrix, csr_matrix]:
    """Count words or characters; the vocabulary comes from train."""
    vectorizer = CountVectorizer(dtype=np.float32, **settings)
    return vectorizer.fit_transform(texts), vectorizer.transform(test_texts)


def style_features(texts: pd.Series) -> np.ndarray:
    """Return length, punctuation, capitals and repetition of each text: how it is written, not what it says."""
    rows = []
    for text in texts:
        words = text.split()
        size, count = max(1, len(text)), max(1, len(words))
        rows.append(
            [
                np.log1p(len(text)),
                np.log1p(len(words)),
                sum(map(len, words)) / count,
                len({word.lower() for word in words}) / count,
                sum(char.isupper() for char in text) / size,
                sum(word.isupper() and len(word) > 1 for word in words) / count,
                sum(word.istitle() for word in words) / count,
                sum(char.isdigit() for char in text) / size,
                *(text.count(mark) / count for mark in ".,;:!?'\"-*()@#"),
                np.log1p(max((len(word) for word in words), default=0)),
            ]
        )
    return np.array(rows, dtype=np.float32)


def style(texts: pd.Series, test_texts: pd.Series, weight: float = 0.3) -> tuple[csr_matrix, csr_matrix]:
    """Return scaled style features, small enough not to drown the words."""
    known, asked = style_features(texts), style_features(test_texts)
    middle, spread = known.mean(axis=0), known.std(axis=0) + 1e-6
    return tuple(csr_matrix(np.clip((rows - middle) / spread, -4, 4) * weight) for rows in (known, asked))


def joined(blocks: list[tuple[csr_matrix, csr_matrix]]) -> tuple[csr_matrix, csr_matrix]:
    """Put the blocks of features side by side, for train and for test."""
    return hstack([block[0] for block in blocks]).tocsr(), hstack([block[1] for block in blocks]).tocsr()


def topics(X: csr_matrix, X_test: csr_matrix, size: int) -> tuple[np.ndarray, np.ndarray]:
    """Project sparse features on their main directions (latent semantic analysis)."""
    size = min(size, X.shape[1] - 1, X.shape[0] - 1)
    if size < 1:
        return X.toarray(), X_test.toarray()
    svd = TruncatedSVD(size, random_state=SEED)
    return svd.fit_transform(X), svd.transform(X_test)


def add_text_topics(table: pd.DataFrame, columns: list[str], n_train: int, size: int) -> pd.DataFrame:
    """Replace text columns by their main TF-IDF directions and their style."""
    blocks = [table.drop(columns=columns)]
    for column in columns:
        texts = plain_text(table[column])
        rare = 2 if n_train > 100 else 1
        known, asked = tfidf(texts[:n_train], texts[n_train:], min_df=rare, sublinear_tf=True, token_pattern=r"(?u)\w+")
        directions = np.vstack(topics(known, asked, size))
        blocks.append(pd.DataFrame(directions, index=table.index).add_prefix(f"{column}_topic_"))
        blocks.append(pd.DataFrame(style_features(texts), index=table.index).add_prefix(f"{column}_style_"))
    return pd.concat(blocks, axis=1)


def remembered_answers(train: pd.DataFrame, test: pd.DataFrame, y: np.ndarray, column: str) -> np.ndarray:
    """Answer what was most frequent for the same text in train; else the text itself."""
    known = pd.DataFrame({"text": plain_text(train[column]), "answer": y[:, 0]})
    best = known.groupby("text")["answer"].agg(lambda answers: answers.mode().iloc[0])
    texts = plain_text(test[column])
    return texts.map(best).fillna(texts).to_numpy(dtype=object).reshape(-1, 1)


def copied_text(test: pd.DataFrame, column: str) -> np.ndarray:
    """Answer the text itself."""
    return plain_text(test[column]).to_numpy(dtype=object).reshape(-1, 1)


def frequent_answer(test: pd.DataFrame, y: np.ndarray) -> np.ndarray:
    """Answer what was most frequent in train, everywhere."""
    return np.tile(pd.DataFrame(y).mode().iloc[0].to_numpy(dtype=object), (len(test), 1))
