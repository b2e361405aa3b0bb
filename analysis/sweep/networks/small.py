"""A small residual network for small images, where a ResNet-18 takes too long: the demo's, and the phantom study's."""

from itertools import pairwise

from torch import nn

NAME = "resnet8"
WIDTHS = (32, 64, 128)


def resnet8(n_classes: int) -> nn.Module:
    """Build a network of three residual blocks (ResNet's basic ones) behind a 5 x 5 convolution of stride 4.

    Takes three channels, 32 x 32 pixels or more.
    """
    from torchvision.models.resnet import BasicBlock

    layers: list[nn.Module] = [
        nn.Conv2d(3, WIDTHS[0], 5, 4, 2, bias=False), nn.BatchNorm2d(WIDTHS[0]), nn.ReLU(inplace=True),
        BasicBlock(WIDTHS[0], WIDTHS[0]),
    ]  # fmt: skip
    for inside, outside in pairwise(WIDTHS):
        shortcut = nn.Sequential(nn.Conv2d(inside, outside, 1, 2, bias=False), nn.BatchNorm2d(outside))
        layers.append(BasicBlock(inside, outside, 2, shortcut))
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(WIDTHS[-1], n_classes))
