"""Models, feature maps, local statistics, maps of the weights and metrics."""

from syft.nn.models import check_spec, from_spec

__all__ = ["check_spec", "from_spec"]
