"""Files that are written whole, and errors that name them."""

from pathlib import Path

import pytest

from sonar_core.base.atomic_files import atomic_file, write_atomically
from sonar_core.base.errors import one_line


def test_a_file_is_written_whole_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "state"
    write_atomically(path, b"old")
    with pytest.raises(TypeError), atomic_file(path) as file:
        file.writelines([b"ne", None])  # type: ignore[list-item]
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_errors_name_the_file_and_not_the_temporary_one(tmp_path: Path) -> None:
    path = tmp_path / "carol.backup"
    path.write_bytes(b"first")
    with pytest.raises(FileExistsError) as exists:
        write_atomically(path, b"second", replace=False)
    assert one_line(exists.value) == f"{path}: file exists"
    with pytest.raises(FileNotFoundError) as missing:
        write_atomically(tmp_path / "nowhere" / "state", b"")
    assert one_line(missing.value) == f"{tmp_path}/nowhere/state: no such file or directory"
    (tmp_path / "folder").mkdir()
    with pytest.raises(IsADirectoryError) as folder:
        write_atomically(tmp_path / "folder", b"")
    assert one_line(folder.value) == f"{tmp_path}/folder: is a directory"
    assert sorted(tmp_path.iterdir()) == [path, tmp_path / "folder"]
