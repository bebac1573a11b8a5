# ruff: noqa: ARG001  (one signature for all of a kind, needed or not)
# mypy: ignore-errors
"""Models of scikit-learn on a matrix, dense or sparse.

Two classes: the probability of the second. Several: one column for each. Numbers: the number.
"""

import warnings

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import ExtraTreesClassifier, ExtraTreesRegressor
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.naive_bayes import ComplementNB, MultinomialNB
from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.svm import SVC, SVR, LinearSVC, LinearSVR

from mlmaster.engineers.offline.blocks.reading import SEED, THREADS


def class_answer(model: BaseEstimator, X_test: np.ndarray, classes: int) -> np.ndarray:
    """Return probabilities in the order of the class numbers, zero for a class never seen."""
    probabilities = np.zeros((X_test.shape[0], classes))
    probabilities[:, model.classes_.astype(int)] = model.predict_proba(X_test)
    return probabilities if classes > 2 else probabilities[:, 1]


def average(X, y: np.ndarray, X_test) -> np.ndarray:
    """Answer the mean of train everywhere."""
    return np.full(len(X_test), y.mean())


def class_shares(X, y: np.ndarray, X_test, classes: int) -> np.ndarray:
    """Answer the share of each class in train everywhere."""
    return np.tile(np.bincount(y, minlength=classes) / len(y), (len(X_test), 1))


def logistic(X, y: np.ndarray, X_test, classes: int, C: float, balanced: bool, solver: str = "lbfgs") -> np.ndarray:
    """Fit a regularised logistic regression."""
    weight = "balanced" if balanced else None
    model = LogisticRegression(C=C, solver=solver, tol=1e-3, max_iter=300, class_weight=weight, random_state=SEED)
    return class_answer(model.fit(X, y), X_test, classes)


def ridge(X, y: np.ndarray, X_test, alpha: float) -> np.ndarray:
    """Fit a ridge regression and stay within the range of the target."""
    return np.clip(Ridge(alpha=alpha, random_state=SEED).fit(X, y).predict(X_test), y.min(), y.max())


def linear_svm(X, y: np.ndarray, X_test, classes: int, C: float, balanced: bool) -> np.ndarray:
    """Fit a linear SVM; its margins become probabilities by a sigmoid fitted on held-out folds."""
    machine = LinearSVC(C=C, random_state=SEED, class_weight="balanced" if balanced else None)
    folds = int(min(4, np.unique(y, return_counts=True)[1].min()))
    model = CalibratedClassifierCV(machine, cv=folds) if folds > 1 else LogisticRegression(C=C)
    return class_answer(model.fit(X, y), X_test, classes)


def linear_svr(X, y: np.ndarray, X_test, C: float) -> np.ndarray:
    """Fit a linear support vector regression on the standardised target."""
    middle, spread = y.mean(), y.std() or 1.0
    model = LinearSVR(C=C, random_state=SEED, dual=True, max_iter=3000).fit(X, (y - middle) / spread)
    return np.clip(model.predict(X_test) * spread + middle, y.min(), y.max())


def naive_bayes(X, y: np.ndarray, X_test, classes: int, alpha: float) -> np.ndarray:
    """Fit a multinomial naive Bayes."""
    return class_answer(MultinomialNB(alpha=alpha).fit(X, y), X_test, classes)


def complement_bayes(X, y: np.ndarray, X_test, classes: int, alpha: float) -> np.ndarray:
    """Fit a complement naive Bayes; its scores become probabilities by a sigmoid fitted on held-out folds."""
    folds = int(min(4, np.unique(y, return_counts=True)[1].min()))
    bayes = ComplementNB(alpha=alpha)
    model = CalibratedClassifierCV(bayes, cv=folds) if folds > 1 else bayes
    return class_answer(model.fit(X, y), X_test, classes)


def bayes_logistic(X, y: np.ndarray, X_test, classes: int, C: float, alpha: float) -> np.ndarray:
    """Fit a logistic regression on features scaled by naive Bayes log-count ratios (NB-SVM, Wang and Manning 2012)."""
    answers = np.zeros((X_test.shape[0], classes))
    for label in range(classes):
        if classes == 2 and label == 0:
            continue
        is_label = (y == label).astype(int)
        if is_label.min() == is_label.max():
            answers[:, label] = is_label[0]
            continue
        with_label = np.asarray(X[is_label == 1].sum(axis=0)).ravel() + alpha
        without = np.asarray(X[is_label == 0].sum(axis=0)).ravel() + alpha
        ratio = np.log(with_label / with_label.sum()) - np.log(without / without.sum())
        model = LogisticRegression(C=C, solver="liblinear", max_iter=300, random_state=SEED)
        model.fit(X.multiply(ratio).tocsr(), is_label)
        answers[:, label] = model.predict_proba(X_test.multiply(ratio).tocsr())[:, 1]
    return answers / answers.sum(axis=1, keepdims=True) if classes > 2 else answers[:, 1]


def extra_trees(
    X, y: np.ndarray, X_test, classes: int, trees: int, leaf: int, share: float, balanced: bool
) -> np.ndarray:
    """Fit extremely randomised trees for classes."""
    model = ExtraTreesClassifier(
        trees,
        min_samples_leaf=leaf,
        max_features=share,
        n_jobs=THREADS,
        random_state=SEED,
        class_weight="balanced" if balanced else None,
    )
    return class_answer(model.fit(X, y), X_test, classes)


def extra_trees_numbers(X, y: np.ndarray, X_test, trees: int, leaf: int, share: float) -> np.ndarray:
    """Fit extremely randomised trees for numbers."""
    model = ExtraTreesRegressor(trees, min_samples_leaf=leaf, max_features=share, n_jobs=THREADS, random_state=SEED)
    return model.fit(X, y).predict(X_test)


def nearest(X, y: np.ndarray, X_test, classes: int, neighbours: int) -> np.ndarray:
    """Average the classes of the nearest train rows, nearer ones weighing more."""
    model = KNeighborsClassifier(min(neighbours, len(y)), weights="distance", n_jobs=THREADS)
    return class_answer(model.fit(X, y), X_test, classes)


def nearest_numbers(X, y: np.ndarray, X_test, neighbours: int) -> np.ndarray:
    """Average the numbers of the nearest train rows, nearer ones weighing more."""
    return KNeighborsRegressor(min(neighbours, len(y)), weights="distance", n_jobs=THREADS).fit(X, y).predict(X_test)


def kernel_svm(X, y: np.ndarray, X_test, classes: int, C: float, balanced: bool) -> np.ndarray:
    """Fit an SVM with a Gaussian kernel; probabilities by a sigmoid fitted on held-out folds."""
    folds = int(min(3, np.unique(y, return_counts=True)[1].min()))
    machine = SVC(C=C, gamma="scale", cache_size=500, class_weight="balanced" if balanced else None)
    model = CalibratedClassifierCV(machine, cv=folds, ensemble=False) if folds > 1 else LogisticRegression()
    return class_answer(model.fit(X, y), X_test, classes)


def kernel_svr(X, y: np.ndarray, X_test, C: float) -> np.ndarray:
    """Fit a support vector regression with a Gaussian kernel on the standardised target."""
    middle, spread = y.mean(), y.std() or 1.0
    return SVR(C=C, gamma="scale", cache_size=500).fit(X, (y - middle) / spread).predict(X_test) * spread + middle


def network(X, y: np.ndarray, X_test, classes: int, units: int, epochs: int, penalty: float, seeds: int) -> np.ndarray:
    """Fit small neural networks for classes and average them."""
    warnings.simplefilter("ignore", ConvergenceWarning)  # the number of epochs is the stopping rule
    total = 0.0
    for seed in range(SEED, SEED + seeds):
        model = MLPClassifier(hidden_layer_sizes=(units, units // 2), alpha=penalty, max_iter=epochs, random_state=seed)
        total = total + class_answer(model.fit(X, y), X_test, classes)
    return total / seeds


def network_numbers(X, y: np.ndarray, X_test, units: int, epochs: int, penalty: float, seeds: int) -> np.ndarray:
    """Fit small neural networks for numbers on the standardised target and average them."""
    warnings.simplefilter("ignore", ConvergenceWarning)  # the number of epochs is the stopping rule
    middle, spread = y.mean(), y.std() or 1.0
    total = 0.0
    for seed in range(SEED, SEED + seeds):
        model = MLPRegressor(hidden_layer_sizes=(units, units // 2), alpha=penalty, max_iter=epochs, random_state=seed)
        total = total + model.fit(X, (y - middle) / spread).predict(X_test)
    return np.clip(total / seeds * spread + middle, y.min(), y.max())
