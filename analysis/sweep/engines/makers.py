"""The engines by name; each is imported only when it is asked for."""

from collections.abc import Callable
from typing import Any

from analysis.sweep.engines.backend import Maker


def makers() -> dict[str, Callable[[], Maker]]:
    """Return for each engine's name what imports it; an ImportError says that it is not installed."""

    def eager() -> Any:
        from analysis.sweep.engines.backend import Eager

        return Eager

    def onnxruntime() -> Any:
        from analysis.sweep.engines.onnxruntime import OnnxRuntime

        return OnnxRuntime

    def openvino() -> Any:
        from analysis.sweep.engines.openvino import OpenVino

        return OpenVino

    def static(kind: str) -> Callable[[], Any]:
        def make() -> Any:
            from analysis.sweep.engines.static import KINDS

            return KINDS[kind]

        return make

    return {
        "torch": eager,
        "onnxruntime": onnxruntime,
        "openvino": openvino,
        "graph": static("graph"),
        "fused": static("fused"),
        "compiled": static("compiled"),
    }
