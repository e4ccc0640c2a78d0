"""Public, frozen layers of feature maps, in integer arithmetic that gives the same bits in any language.

Rows and features are fixed-point integers with 2^10 for 1.0.
"""

from syft.nn.layers.base import MOST_FEATURES, Layer, Tensors
from syft.nn.layers.bias import Bias
from syft.nn.layers.convolution import Convolution
from syft.nn.layers.fourier import Fourier
from syft.nn.layers.relu import Relu
from syft.nn.layers.standardise import Standardise

#: A layer of any kind.
AnyLayer = Standardise | Fourier | Relu | Convolution | Bias
#: The layers that a spec may use, by name.
LAYERS: dict[str, type[AnyLayer]] = {layer.name: layer for layer in (Standardise, Fourier, Relu, Convolution, Bias)}

__all__ = [
    "LAYERS",
    "MOST_FEATURES",
    "AnyLayer",
    "Bias",
    "Convolution",
    "Fourier",
    "Layer",
    "Relu",
    "Standardise",
    "Tensors",
]
