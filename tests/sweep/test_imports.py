"""What the web process may import without torch."""

import subprocess
import sys
from pathlib import Path

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
        "from analysis.sweep.networks.torchvision_import import torchvision_models as models\n"
        "import torch\n"
        "models(); again = models()\n"
        "import torchvision\n"
        "print(again is torchvision.models, hasattr(torch.ops.torchvision, 'nms'), again.resnet18 is not None)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["True", "True", "True"]


def test_nothing_is_defined_where_the_operators_exist():
    code = (
        "import torch\n"
        "from analysis.sweep.networks import torchvision_import as remedy\n"
        "library = torch.library.Library('torchvision', 'DEF')\n"
        "[library.define(schema) for schema in remedy.SCHEMAS]\n"
        "print(remedy.torchvision_models().resnet18 is not None, len(remedy._kept))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["True", "0"]


def test_own_code_may_import_torchvision(tmp_path: Path) -> None:
    (tmp_path / "theirs.py").write_text(
        "from torchvision.models import resnet18\ndef make(n): return resnet18(num_classes=n)\n"
    )
    code = (
        f"import sys; sys.path.insert(0, {str(tmp_path)!r})\n"
        "from analysis.sweep.networks import factories\n"
        "factories.allow(['theirs'])\n"
        "print(len(factories.source_digest('factory:theirs:make')))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["64"]


def test_the_compiler_is_imported_when_it_is_used_and_not_before():
    code = (
        "import inspect, sys\n"
        "from analysis.sweep.networks.architectures import build_classifier\n"
        "build_classifier('resnet18', 2, device='meta'), build_classifier('resnet18', 2)\n"
        "print('torch._dynamo' in sys.modules, 'torch._dynamo.utils' in sys.modules)\n"
        "asked = sys.modules['torchvision.ops.roi_align'].is_compile_supported('cpu')\n"
        "import torch._dynamo.utils as compiler\n"
        "print(asked == compiler.is_compile_supported('cpu'), inspect.getfile(compiler).endswith('utils.py'))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "False", "True", "True"]
