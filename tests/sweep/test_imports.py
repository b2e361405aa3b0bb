"""What the web process may import without torch."""

import subprocess
import sys

MODULES = (
    "analysis.terminal", "analysis.sweep", "analysis.sweep.spec", "analysis.sweep.toml", "analysis.sweep.errors",
    "analysis.sweep.methods", "analysis.sweep.data.splits", "analysis.sweep.networks.layout",
    "analysis.sweep.run.paths",
)  # fmt: skip


def test_imports_no_torch():
    code = (
        f"import {', '.join(MODULES)}, sys; print([m for m in ('torch', 'torchvision') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_metrics_import_no_torch():
    code = "import analysis.metrics.ranking, analysis.metrics.ranks, sys; print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_operators_are_defined_once_and_torchvision_imports():
    code = (
        "from analysis.sweep.networks.torchvision_import import ensure_operators as ensure\n"
        "import torch\n"
        "ensure(); again = ensure()\n"
        "import torchvision\n"
        "print(again, hasattr(torch.ops.torchvision, 'nms'), torchvision.models.resnet18 is not None)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "True", "True"]


def test_nothing_is_defined_where_the_operators_exist():
    code = (
        "import torch\n"
        "library = torch.library.Library('torchvision', 'DEF')\n"
        "library.define('nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor')\n"
        "from analysis.sweep.networks import torchvision_import as remedy\n"
        "print(remedy.ensure_operators(), len(remedy._kept))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "0"]
