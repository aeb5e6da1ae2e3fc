"""How well one column answers a target without any of the others."""

import numpy as np

Column = np.ndarray
"""float64 ``[rows]``, NaN where a cell is empty: numbers, or the codes of categories."""


def alone(column: Column, labels: np.ndarray, *, ordered: bool, classes: bool) -> tuple[float, int]:
    """The share of what is to be known that one column tells on rows that were held out.

    Rows are divided in two at random, and each half is answered by the other. A row is answered
    by the rows of the same value, numbers by their neighbors: a class by the most frequent label
    of the nearest value, a number by the line between the means of the two values around it.
    Nothing is fitted, so that any dependence is found, straight or not.

    Of numbers, ranks are compared: a few very large ones must not decide.

    Args:
        column: What is known of each row.
        labels: Codes of classes (whole), or numbers; none is missing.
        ordered: Whether values that are near each other mean that rows are.
        classes: Whether labels are classes.

    Returns:
        The share of the errors of always giving the most frequent class (of the variance of the
        ranks) that is gone, at most 1; and of classes how many these errors were, else how many
        rows there were.
    """
    order = np.random.default_rng(0).permutation(len(labels))
    halves = order[: len(order) // 2], order[len(order) // 2 :]
    if not classes:
        labels = ranks(labels)
    wrong, blind = 0.0, 0.0
    for known, asked in (halves, halves[::-1]):
        mine, theirs = column[known], column[asked]
        told = labels[known]
        if classes:
            answers, usual = _classes(mine, told, theirs, ordered)
            wrong += float((answers != labels[asked]).sum())
            blind += float((labels[asked] != usual).sum())
        else:
            answers = _numbers(mine, told, theirs, ordered)
            wrong += float(np.square(answers - labels[asked]).sum())
            blind += float(np.square(told.mean() - labels[asked]).sum())
    return (1 - wrong / blind if blind else 0.0), int(blind) if classes else len(labels)


def ranks(values: np.ndarray) -> np.ndarray:
    """The mean rank of each value among all, from 0 to 1.

    Example:
        >>> ranks(np.array([10.0, 1.0, 10.0])).tolist()
        [0.75, 0.0, 0.75]
    """
    _, place, counts = np.unique(values, return_inverse=True, return_counts=True)
    ends = np.cumsum(counts)
    return ((ends - counts + ends - 1) / 2 / max(len(values) - 1, 1))[place]


def _classes(
    known: Column, labels: np.ndarray, asked: Column, ordered: bool
) -> tuple[np.ndarray, int]:
    usual = int(np.bincount(labels).argmax())
    answers = np.full(len(asked), usual)
    hole, question = np.isnan(known), np.isnan(asked)
    if hole.any():
        answers[question] = np.bincount(labels[hole]).argmax()
    values, place = np.unique(known[~hole], return_inverse=True)
    if not len(values):
        return answers, usual
    size = int(labels.max()) + 1
    pairs, counts = np.unique(place * size + labels[~hole], return_counts=True)
    best = np.lexsort((counts, pairs // size))  # the most frequent label of a value comes last
    last = np.concatenate([np.diff(pairs[best] // size) > 0, [True]])
    most = pairs[best][last] % size
    spot, exact = _nearest(values, asked[~question])
    answers[~question] = most[spot] if ordered else np.where(exact, most[spot], usual)
    return answers, usual


def _numbers(known: Column, labels: np.ndarray, asked: Column, ordered: bool) -> np.ndarray:
    answers = np.full(len(asked), labels.mean())
    hole, question = np.isnan(known), np.isnan(asked)
    if hole.any():
        answers[question] = labels[hole].mean()
    values, place = np.unique(known[~hole], return_inverse=True)
    if not len(values):
        return answers
    means = np.bincount(place, labels[~hole]) / np.bincount(place)
    if ordered:
        answers[~question] = np.interp(asked[~question], values, means)
    else:
        spot, exact = _nearest(values, asked[~question])
        answers[~question] = np.where(exact, means[spot], labels.mean())
    return answers


def _nearest(values: np.ndarray, asked: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    right = np.searchsorted(values, asked).clip(max=len(values) - 1)
    left = (right - 1).clip(min=0)
    nearer = np.abs(values[left] - asked) < np.abs(values[right] - asked)
    spot = np.where(nearer, left, right)
    return spot, values[spot] == asked
