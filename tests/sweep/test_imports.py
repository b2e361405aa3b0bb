"""What the web process may import without torch."""

import subprocess
import sys

MODULES = (
    "analysis.terminal", "analysis.sweep", "analysis.sweep.spec", "analysis.sweep.toml", "analysis.sweep.errors",
    "analysis.sweep.methods", "analysis.sweep.data.splits", "analysis.sweep.networks.layout",
    "analysis.sweep.run.paths", "analysis.sweep.run.check_result",
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


def test_predicting_loads_no_compiler_and_the_compiler_still_comes():
    code = (
        "import sys\n"
        "import numpy as np, torch\n"
        "from analysis.sweep.networks.architectures import build_classifier, check_size\n"
        "from analysis.sweep.run.engine import Engine\n"
        "from analysis.sweep.spec import InferSpec, PreprocessSpec, PruneSpec\n"
        "name = 'shufflenet_v2_x0_5'\n"
        "check_size(name, 3, 64)\n"
        "engine = Engine(name, 3, InferSpec(engine='torch', threads=1), PreprocessSpec(size=64))\n"
        "engine.load(build_classifier(name, 3).state_dict(), PruneSpec(sparsities=(0.0, 0.9)), 0)\n"
        "engine.predict(0.9, np.zeros((2, 64, 64), np.uint8))\n"
        "print('torch._dynamo' in sys.modules, 'torch._dynamo.utils' in sys.modules)\n"
        "import torchvision.ops.roi_align\n"
        "late = sys.modules['torchvision.ops.roi_align'].is_compile_supported('cpu')\n"
        "print(late, 'torch._dynamo.utils' in sys.modules)\n"
        "from torch._dynamo.utils import is_compile_supported as real\n"
        "print(real('cpu'), real.__module__)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    first, late, real = (line.split() for line in done.stdout.splitlines())
    assert first == ["False", "False"]
    assert late == [real[0], "True"]
    assert real[1] == "torch._dynamo.utils"


def test_whatever_else_is_asked_of_the_stand_in_comes_from_the_compiler():
    code = (
        "import torch\n"
        "from analysis.sweep.networks.torchvision_import import no_compiler_yet\n"
        "with no_compiler_yet():\n"
        "    from torch._dynamo.utils import counters\n"
        "print(type(counters).__name__)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "defaultdict"
