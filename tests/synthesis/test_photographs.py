"""Which photographs new training faces are made of, and what is said of the others."""

from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image
from small_head import save_packed, save_photos, small_model

from src.datasets.challenge import read_annotations, write_annotations
from src.errors import InputError
from src.synthesis.reposing import repose
from src.synthesis.reposing.adapt import adapt_folder
from src.synthesis.reposing.job import RELABELED, ReposeOptions
from src.synthesis.reposing.repose import repose_folder


@pytest.mark.parametrize("make", [repose_folder, adapt_folder])
def test_broken_faces_stop_before_any_face_is_made_or_are_left_out(
    make: Callable, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    model = small_model()
    face_model = save_packed(tmp_path / "model", model)
    photos = save_photos(tmp_path / "photos", model, 5)
    names, points = read_annotations(photos)
    points[1] /= Image.open(photos / names[1]).width  # shares: a crop around them would be black
    points[2] += 2000
    write_annotations(photos, names, points)
    (photos / names[3]).unlink()
    Image.new("RGB", (64, 64)).save(photos / "unlabeled.png")
    arguments = {"face_model": face_model}
    arguments |= {"options": ReposeOptions(per_photo=1), "workers": 1} if make is repose_folder else {"seed": 0}
    with pytest.raises(InputError, match=f"3 of 5 pictures are broken .*{names[1]}.* shares .*{names[2]}.*{names[3]}"):
        make(photos, tmp_path / "out", **arguments)
    assert not (tmp_path / "out").exists()
    counts = make(photos, tmp_path / "out", skip_broken=True, **arguments)
    assert counts.get("photographs", counts.get("faces")) == 2
    said = capsys.readouterr().out
    assert f"{photos}: 3 broken pictures left out ({photos / names[1]}: " in said
    assert f"{photos}: 1 picture without labels left out (unlabeled.png)" in said


def _cut_in_half(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])  # its header is sound


def test_photographs_damaged_inside_stop_before_any_face_is_made_or_are_left_out(
    tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    model = small_model()
    photos = save_photos(tmp_path / "photos", model, 5)
    options, out = ReposeOptions(per_photo=1, labels="aflw", renders=1, image_size=64), tmp_path / "out"
    arguments = {"face_model": save_packed(tmp_path / "model", model), "workers": 1}
    _cut_in_half(photos / "some_002.png")
    with pytest.raises(InputError, match=r"1 of 5 pictures are broken \(.*some_002.png: the picture cannot be decoded"):
        repose_folder(photos, out, options, **arguments)
    assert not out.exists()
    counts = repose_folder(photos, out, options, skip_broken=True, **arguments)
    assert counts == {"photographs": 4, "rejected": 0, "relabeled": 4, "reposed": 4, "rendered": 4, "broken": 1}
    assert f"{photos}: 1 broken picture left out ({photos / 'some_002.png'}: " in capsys.readouterr().out
    assert repose_folder(photos, out, options, skip_broken=True, **arguments) == counts
    with pytest.raises(InputError, match="1 of 5 pictures are broken"):  # a finished folder does not hide it
        repose_folder(photos, out, options, **arguments)


@pytest.mark.slow
def test_a_photograph_damaged_while_others_are_turned_is_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    model = small_model()
    photos = save_photos(tmp_path / "photos", model, 5)
    options = ReposeOptions(per_photo=1, labels="aflw", image_size=64)
    arguments = {"face_model": save_packed(tmp_path / "model", model), "workers": 2}
    look = repose.decodable

    def look_before_the_damage(*given: object, **options: object) -> object:
        seen = look(*given, **options)
        _cut_in_half(photos / "some_002.png")
        return seen

    monkeypatch.setattr(repose, "decodable", look_before_the_damage)
    counts = repose_folder(photos, tmp_path / "out", options, skip_broken=True, **arguments)
    assert counts == {"photographs": 5, "rejected": 0, "relabeled": 4, "reposed": 4, "broken": 1}
    assert "1 broken picture left out" in capsys.readouterr().out
    assert "photo_some_002.jpg" not in read_annotations(tmp_path / "out" / RELABELED)[0]
    (photos / "some_002.png").write_bytes((photos / "some_001.png").read_bytes())  # damaged again once looked at
    with pytest.raises(InputError, match=r"some_002\.png: the picture cannot be decoded"):
        repose_folder(photos, tmp_path / "other", options, **arguments)
