"""Which photographs new training faces are made of, and what is said of the others."""

from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image
from small_head import save_packed, save_photos, small_model

from src.datasets.challenge import read_annotations, write_annotations
from src.errors import InputError
from src.synthesis.reposing.adapt import adapt_folder
from src.synthesis.reposing.repose import ReposeOptions, repose_folder


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
