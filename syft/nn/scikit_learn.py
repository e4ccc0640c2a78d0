"""What scikit-learn's tools ask an estimator. Nobody else asks, so that Syft needs no scikit-learn."""

from __future__ import annotations

from typing import Any


def classifier_tags(*, multi_label: bool = False) -> Any:
    """Tags (`sklearn.utils.Tags`) of a classifier: of classes, or of several labels a row."""
    from sklearn.utils import ClassifierTags, Tags, TargetTags

    targets = TargetTags(required=True, multi_output=multi_label, single_output=not multi_label)
    kinds = ClassifierTags(multi_class=not multi_label, multi_label=multi_label)
    return Tags("classifier", targets, classifier_tags=kinds)


def regressor_tags() -> Any:
    """Tags of a regressor of one number or several."""
    from sklearn.utils import RegressorTags, Tags, TargetTags

    return Tags("regressor", TargetTags(required=True, multi_output=True), regressor_tags=RegressorTags())
