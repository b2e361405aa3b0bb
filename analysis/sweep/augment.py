"""The published study's augmentation on whole batches: horizontal flips and small rotations, drawn by
seed.
"""

import torch
from torch import Tensor
from torch.nn import functional


def augmented(grey: Tensor, rotation: float, flip: bool, draw: torch.Generator) -> Tensor:
    """Flip and rotate each image by its own draw.

    Parameters
    ----------
    grey: float32, n x 1 x rows x columns, 0 = black (what rotation brings in from outside).
    rotation: angles are uniform within this many degrees to either side; bilinear.
    flip: mirror left and right with probability one half.

    Returns
    -------
    float32, the same shape.
    """
    n = len(grey)
    mirror = torch.ones(n)
    if flip:
        mirror = 1.0 - 2.0 * torch.randint(0, 2, (n,), generator=draw)
    angle = torch.deg2rad((2 * torch.rand(n, generator=draw) - 1) * rotation)
    cos, sin, zero = torch.cos(angle), torch.sin(angle), torch.zeros(n)
    rows = (torch.stack([cos * mirror, -sin, zero], 1), torch.stack([sin * mirror, cos, zero], 1))
    theta = torch.stack(rows, 1).to(grey.device)
    grid = functional.affine_grid(theta, list(grey.shape), align_corners=False)
    return functional.grid_sample(grey, grid, "bilinear", "zeros", align_corners=False)
