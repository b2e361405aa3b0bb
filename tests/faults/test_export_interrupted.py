"""Fault 40: an export that is interrupted leaves nothing, and can be made again."""

from pathlib import Path

import pytest

from readerstudy.results import export
from readerstudy.results.services import open_key
from readerstudy.study.design import lifecycle
from tests.blinding.crowd import read_all
from tests.stock import Stock

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("cut_off", [OSError(28, "No space left on device"), KeyboardInterrupt()])
def test_an_interrupted_export_leaves_nothing_and_is_made_again(
    stock: Stock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cut_off: BaseException
) -> None:
    for reader in stock.readers:
        read_all(reader)
    lifecycle.close(study=stock.study, actor=stock.alice, reason="all have read")
    open_key(study=stock.study, key=stock.case_set.key, reason="reading is over", actor=stock.alice)
    stock.study.refresh_from_db()
    written: list[Path] = []
    usual = export._write_durably

    def fails_at_the_fifth_file(path: Path, data: bytes) -> None:
        if len(written) == 4:
            raise cut_off
        usual(path, data)
        written.append(path)

    with monkeypatch.context() as patch:
        patch.setattr(export, "_write_durably", fails_at_the_fifth_file)
        with pytest.raises(type(cut_off)):
            export.write_export(stock.study, tmp_path / "out")
    assert len(written) == 4
    assert list(tmp_path.iterdir()) == []
    export.write_export(stock.study, tmp_path / "out")
    assert (tmp_path / "out" / "MANIFEST.sha256").exists()
