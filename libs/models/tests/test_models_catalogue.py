"""The catalogue refuses what could leave its folder, and the checked-in one holds together."""

import pytest

from quintet_errors import DomainError, Reason
from quintet_models import load_catalogue
from quintet_models.catalogue import HubSpec, MirrorSpec, PackagesSpec, parse_catalogue
from quintet_testing.model_mirror import catalogue_text


@pytest.mark.parametrize("name", ["../evil", "a/b", "..", ".hidden", "", "a\\\\b", "x" * 200])
def test_names_that_leave_the_folder_are_refused(name: str) -> None:
    with pytest.raises(DomainError) as caught:
        parse_catalogue(catalogue_text(name=name))
    assert caught.value.reason is Reason.INVALID_ARGUMENT


@pytest.mark.parametrize("path", ["../../etc/passwd", "/etc/passwd", "a/../../b", "a//b", "a/./b", "C:/x"])
def test_paths_that_leave_the_folder_are_refused(path: str) -> None:
    with pytest.raises(DomainError) as caught:
        parse_catalogue(catalogue_text(paths=("config.json", path)))
    assert caught.value.reason is Reason.INVALID_ARGUMENT


def test_an_unpinned_package_is_refused() -> None:
    text = catalogue_text().replace(
        'sources = [{kind = "mirror"}]',
        'sources = [{kind = "packages", files = {"config.json" = ["a>=1:a"], "weights/model.bin" = ["a==1:b"]}}]',
    )
    with pytest.raises(DomainError, match="requirement"):
        parse_catalogue(text)


def test_an_unknown_model_names_those_that_exist() -> None:
    with pytest.raises(DomainError, match="whisper-base") as caught:
        load_catalogue().find("no-such-model")
    assert caught.value.reason is Reason.MODEL_NOT_FOUND


def test_whisper_base_has_three_kinds_of_sources_that_cover_every_file() -> None:
    model = load_catalogue().find("whisper-base")
    assert [type(source) for source in model.sources] == [MirrorSpec, HubSpec, PackagesSpec]
    packages = model.sources[2]
    assert isinstance(packages, PackagesSpec)
    assert set(packages.files) == {file.path for file in model.files}
    assert model.size == 147_882_941
    assert {"en", "hi", "ja", "th"} <= set(model.languages)


def test_all_minilm_has_what_its_engine_reads() -> None:
    model = load_catalogue().find("all-minilm-l6-v2")
    assert (model.kind, model.engine, model.licence) == ("embedding", "minilm", "Apache-2.0")
    assert {file.path for file in model.files} == {"config.json", "tokenizer.json", "model.safetensors"}
    packages = model.sources[-1]
    assert isinstance(packages, PackagesSpec)
    assert set(packages.files) == {file.path for file in model.files}
    assert model.size == 91_335_235
