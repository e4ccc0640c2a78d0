"""Estimator tags for scikit-learn's tools; only they call this, so that Syft does not depend on scikit-learn."""

from __future__ import annotations

from typing import Any


def classifier_tags(*, multi_label: bool = False) -> Any:
    """Tags (`sklearn.utils.Tags`) of a classifier of one class, or of several labels, per row."""
    from sklearn.utils import ClassifierTags, Tags, TargetTags

    targets = TargetTags(required=True, multi_output=multi_label, single_output=not multi_label)
    kinds = ClassifierTags(multi_class=not multi_label, multi_label=multi_label)
    return Tags("classifier", targets, classifier_tags=kinds)


def regressor_tags() -> Any:
    """Tags (`sklearn.utils.Tags`) of a regressor of one or several numbers per row."""
    from sklearn.utils import RegressorTags, Tags, TargetTags

    return Tags("regressor", TargetTags(required=True, multi_output=True), regressor_tags=RegressorTags())
