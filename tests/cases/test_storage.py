"""Frame files on disk: all or nothing, one length, found when damaged."""

import threading
import uuid
from pathlib import Path

import pytest

from readerstudy.cases.frame import decode_frame, encode_frame
from readerstudy.cases.storage import StorageError, read_frame, staging, study_folder
from tests.cases.images import greys

STUDY = uuid.UUID(int=5)


def names(root: Path) -> set[str]:
    return {path.name for path in study_folder(root, STUDY).iterdir() if not path.name.startswith(".")}


def test_published_frames_have_one_length_and_private_modes(tmp_path: Path) -> None:
    images = [greys((9, 14), 12), greys((30, 40), 12), greys((3, 3), 12)]
    with staging(tmp_path, STUDY) as stage:
        order = [stage.add(encode_frame(values, 12)) for values in images]
        length, digests = stage.pad()
        assert names(tmp_path) == set()
        stage.publish()
    assert names(tmp_path) == set(order)
    assert set(digests) == set(order)
    for name, values in zip(order, images, strict=True):
        path = study_folder(tmp_path, STUDY) / name
        assert path.stat().st_size == length
        assert path.stat().st_mode & 0o777 == 0o600
        assert (decode_frame(read_frame(path, digests[name]), *values.shape, 12) == values).all()
    assert study_folder(tmp_path, STUDY).stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("late", [False, True])
def test_error_leaves_nothing(tmp_path: Path, late: bool) -> None:
    def fail() -> None:
        with staging(tmp_path, STUDY) as stage:
            stage.add(encode_frame(greys(), 12))
            stage.pad()
            if late:
                stage.publish()
            raise RuntimeError("the row did not come about")

    with pytest.raises(RuntimeError, match="row"):
        fail()
    assert not study_folder(tmp_path, STUDY).exists()


def test_leftovers_of_a_killed_load_go_and_known_frames_stay(tmp_path: Path) -> None:
    folder = study_folder(tmp_path, STUDY)
    (folder / ".staging-dead").mkdir(parents=True)
    for name in ("known", "orphan", ".staging-dead/half"):
        (folder / name).write_bytes(b"x")
    with staging(tmp_path, STUDY, ["known"]):
        pass
    assert {path.name for path in folder.iterdir()} == {"known"}


def test_one_load_at_a_time_for_a_study(tmp_path: Path) -> None:
    with staging(tmp_path, STUDY):
        with pytest.raises(StorageError, match="another load"):
            staging(tmp_path, STUDY).__enter__()
        with staging(tmp_path, uuid.UUID(int=6)):
            pass


def test_frames_may_be_added_from_several_threads(tmp_path: Path) -> None:
    with staging(tmp_path, STUDY) as stage:
        threads = [threading.Thread(target=stage.add, args=(encode_frame(greys(), 12),)) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        _, digests = stage.pad()
    assert len(digests) == 8


def test_damaged_or_lost_frame_is_found(tmp_path: Path) -> None:
    with staging(tmp_path, STUDY) as stage:
        name = stage.add(encode_frame(greys(), 12))
        _, digests = stage.pad()
        stage.publish()
    path = study_folder(tmp_path, STUDY) / name
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(bytes(data))
    with pytest.raises(StorageError, match="differs"):
        read_frame(path, digests[name])
    path.unlink()
    with pytest.raises(StorageError, match="readable"):
        read_frame(path, digests[name])
