"""The published study's loop, rewritten to be measured against: decode again at every ratio, a new network,
torch's own pruning, a plain forward pass, label strings, one pickle per ratio.

It does what VITA-Group/PruneCXR does on the same files (its `prune.py`, `datasets.py`, `utils.py`), on a CPU or a
GPU. It holds none of their code. Run: python -m bench.reference_loop ROOT OUT RATIO...
"""

import argparse
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from PIL import Image
from torch import nn
from torch.nn.utils import prune

from analysis.frames import NIH_CLASSES
from analysis.sweep.data.pixels import resize_linear
from analysis.sweep.networks.torchvision_import import torchvision_models
from bench.sweep_inputs import DATASET

torchvision_models()
import torchvision  # noqa: E402
from torchvision import transforms  # noqa: E402

try:
    import cv2
except ImportError:  # a GPU host may be without it
    cv2 = None

DECODER = "OpenCV" if cv2 else "Pillow, as OpenCV is not installed"


def read_picture(file: str, size: int) -> np.ndarray:
    """Decode one file to size x size x 3 bytes; both ways give the same pixels for grey files."""
    if cv2:
        return cv2.resize(cv2.imread(file), (size, size))
    grey = resize_linear(np.asarray(Image.open(file).convert("L")), size)
    return np.repeat(grey[:, :, None], 3, axis=2)


class TestSplit(torch.utils.data.Dataset):
    """The test images, decoded again each time they are asked for."""

    def __init__(self, root: Path, size: int = 256) -> None:
        self.size = size
        self.frame = pd.read_csv(root / "labels" / f"miccai2023_{DATASET}_labels_test.csv")
        self.files = [str(root / "images" / name) for name in self.frame["id"]]
        self.labels = self.frame[list(NIH_CLASSES)].to_numpy()
        self.transform = transforms.Compose(
            [
                transforms.ToPILImage(),
                transforms.ToTensor(),
                transforms.Normalize(mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225)),
            ]
        )

    def __len__(self) -> int:
        return len(self.files)

    def __getitem__(self, place: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Return one normalised image, 3 x size x size, and its labels."""
        picture = self.transform(read_picture(self.files[place], self.size))
        return picture.float(), torch.from_numpy(self.labels[place]).float()


def new_network(weights: dict[str, torch.Tensor], device: str, architecture: str = "resnet50") -> nn.Module:
    """Build the network (one whose head is `fc`) and load the weights, as is done at every ratio."""
    model = torchvision.models.get_model(architecture, weights=None)
    model.fc = nn.Linear(model.fc.in_features, len(NIH_CLASSES))
    model.load_state_dict(weights, strict=True)
    return model.to(device)


def pruned(model: nn.Module, ratio: float) -> nn.Module:
    """Remove a share of the weights as the study does."""
    layers = [(m, "weight") for m in model.modules() if isinstance(m, nn.Conv2d | nn.Linear)]
    prune.global_unstructured(layers, pruning_method=prune.L1Unstructured, amount=ratio)
    return model


def predicted(model: nn.Module, split: TestSplit, batch_size: int, workers: int, device: str) -> pd.DataFrame:
    """Run the split through the network; scores of each class and the label string of each image."""
    model.eval()
    loader = torch.utils.data.DataLoader(split, batch_size=batch_size, num_workers=workers, shuffle=False)
    labels, scores = [], []
    with torch.no_grad():
        for x, y in loader:
            scores.append(model(x.to(device)).sigmoid().cpu().numpy())
            labels.append(y.numpy())
    frame = pd.DataFrame(np.concatenate(scores), columns=list(NIH_CLASSES))
    truth = pd.DataFrame(np.concatenate(labels), columns=list(NIH_CLASSES))
    positive = truth.apply(lambda row: np.where(row == 1)[0], axis=1)
    frame["label"] = positive.apply(lambda places: "|".join(np.array(NIH_CLASSES)[places]))
    return frame


def sweep(
    root: Path,
    out: Path,
    ratios: list[float],
    *,
    batch_size: int,
    workers: int,
    device: str,
    architecture: str = "resnet50",
    size: int = 256,
) -> Iterator[tuple[str, float]]:
    """Run one seed at all ratios; yield the seconds of each part as it is done."""
    out.mkdir(parents=True)
    # As its `set_seed` does: cuDNN searches for the fastest of its fixed kernels, which is to the study's advantage.
    torch.backends.cudnn.deterministic = torch.backends.cudnn.benchmark = True
    torch.backends.cudnn.allow_tf32 = True  # torch's default, which it leaves
    split = TestSplit(root, size)
    folder = root / "trained_models" / f"{DATASET}_{architecture}_ce_lr-0.0001_bs-256"
    weights = torch.load(folder / "chkpt.pt", weights_only=True)["weights"]
    for ratio in ratios:
        began = time.perf_counter()
        model = new_network(weights, device, architecture)
        if ratio:
            pruned(model, ratio)
        if device == "cuda":
            torch.cuda.synchronize()
        yield "prune", time.perf_counter() - began
        began = time.perf_counter()
        frame = predicted(model, split, batch_size, workers, device)
        frame.to_pickle(out / f"{DATASET}_{architecture}_seed-0_prune-{ratio:g}.pkl")
        yield "predict", time.perf_counter() - began


def main() -> None:
    """Run it from the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("root", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("ratios", type=float, nargs="+")
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--device", default="cpu")
    given = parser.parse_args()
    torch.manual_seed(0)
    for _ in sweep(
        given.root, given.out, given.ratios, batch_size=given.batch_size, workers=given.workers,
        device=given.device,
    ):  # fmt: skip
        pass


if __name__ == "__main__":
    main()
