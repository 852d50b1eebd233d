"""Where the configuration comes from, and that every mistake in it is one line naming the key."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from pydantic import BaseModel

from index.errors import ConfigError
from qa.config import Config, load_config

Write = Callable[[str], Path]


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Write:
    """Writes ``article-qa.toml`` in the working folder."""
    monkeypatch.chdir(tmp_path)

    def write_text(text: str) -> Path:
        path = tmp_path / "article-qa.toml"
        path.write_text(text, encoding="utf-8")
        return path

    return write_text


def message_of(text: str, write: Write, **environment: str) -> str:
    write(text)
    with pytest.raises(ConfigError) as caught:
        load_config(environment=environment)
    message = str(caught.value)
    assert len(message.splitlines()) == 1
    return message


def sections() -> list[str]:
    return [name for name, field in Config.model_fields.items() if isinstance(field.default, BaseModel)]


def test_defaults_hold_without_file_and_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    config = load_config(environment={})
    assert config == Config()
    assert config.data_dir == Path("var")
    assert config.serve.host == "127.0.0.1"


def test_file_of_working_folder_is_read(write: Write) -> None:
    write('data_dir = "from-file"\n[retrieval]\nnum_passages = 7\n[serve]\nexamples = ["Who?", "Why?"]\n')
    config = load_config(environment={})
    assert config.data_dir == Path("from-file")
    assert config.retrieval.num_passages == 7
    assert config.serve.examples == ("Who?", "Why?")
    assert config.chunker == Config().chunker


def test_named_file_replaces_that_of_the_working_folder(write: Write, tmp_path: Path) -> None:
    write('data_dir = "from-working-folder"\n')
    named = tmp_path / "other.toml"
    named.write_text('data_dir = "from-named"\n')
    by_variable = load_config(environment={"ARTICLE_QA_CONFIG": str(named)})
    assert by_variable.data_dir == load_config(file=named, environment={}).data_dir == Path("from-named")


def test_option_beats_environment_beats_file(write: Write) -> None:
    write('data_dir = "from-file"\ncache_dir = "cache-from-file"\n[serve]\npassword = "file"\nport = 9000\n')
    environment = {
        "ARTICLE_QA_DATA_DIR": "from-environment",
        "ARTICLE_QA_CACHE_DIR": "cache-from-environment",
        "ARTICLE_QA_PASSWORD": "environment",
    }
    assert load_config(environment={}).data_dir == Path("from-file")
    config = load_config(environment=environment)
    assert (config.data_dir, config.cache_dir) == (Path("from-environment"), Path("cache-from-environment"))
    assert (config.serve.password, config.serve.port) == ("environment", 9000)
    assert load_config(data_dir=Path("option"), environment=environment).data_dir == Path("option")


def test_empty_variables_count_as_unset(write: Write) -> None:
    write('data_dir = "from-file"\n')
    environment = dict.fromkeys(["ARTICLE_QA_DATA_DIR", "ARTICLE_QA_CONFIG", "ARTICLE_QA_PASSWORD"], "")
    config = load_config(environment=environment)
    assert config.data_dir == Path("from-file")
    assert config.serve.password is None


def test_unknown_key_at_the_top_is_an_error_that_names_it(write: Write) -> None:
    assert "'data_dri'" in message_of('data_dri = "var"\n', write)


@pytest.mark.parametrize("section", sections())
def test_unknown_key_of_every_section_is_an_error_that_names_it(section: str, write: Write) -> None:
    message = message_of(f"[{section}]\nno_such_key = 1\n", write)
    assert f"'{section}.no_such_key' is unknown" in message


def test_unknown_section_is_an_error_that_names_it(write: Write) -> None:
    assert "'generater'" in message_of('[generater]\nengine = "none"\n', write)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("chunker.min_tokens", 7),
        ("chunker.max_tokens", 501),
        ("index.keep_generations", 1),
        ("index.flat_limit", 999),
        ("retrieval.num_passages", 0),
        ("retrieval.num_passages", 101),
        ("retrieval.depth", 9),
        ("retrieval.dense_weight", 1.01),
        ("retrieval.dense_weight", -0.01),
        ("retrieval.dense_weight", "nan"),
        ("retrieval.recency_weight", -1),
        ("retrieval.half_life_days", 0),
        ("generator.context_tokens", 511),
        ("generator.timeout_seconds", 0),
        ("reader.num_candidates", 0),
        ("reader.num_candidates", 101),
        ("answer.evidence_chars", 199),
        ("answer.small_collection_chars", -1),
        ("answer.min_confidence", 1.5),
        ("answer.min_fast_confidence", -0.5),
        ("serve.port", 65_536),
        ("serve.port", -1),
        ("serve.max_upload_mb", 0),
        ("serve.max_queue", 0),
    ],
)
def test_value_out_of_range_is_an_error_that_names_key_and_value(key: str, value: object, write: Write) -> None:
    section, name = key.split(".")
    message = message_of(f"[{section}]\n{name} = {value}\n", write)
    assert f"'{key}'" in message
    assert f"found '{value}'" in message


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('[generator]\nengine = "gpt"\n', "'generator.engine'"),
        ('[embedder]\nengine = "onnx"\n', "'embedder.engine'"),
        ('[reader]\nengine = "onnx"\n', "'reader.engine'"),
        ("[reader]\nmodel = 1\n", "'reader.model'"),
        ('[serve]\nport = "high"\n', "'serve.port'"),
        ("[serve]\nhost = 1\n", "'serve.host'"),
        ("serve = 3\n", "'serve'"),
        ("data_dir = 5\n", "'data_dir'"),
    ],
)
def test_value_of_wrong_kind_is_an_error_that_names_the_key(text: str, expected: str, write: Write) -> None:
    assert expected in message_of(text, write)


def test_section_that_is_no_table_is_an_error_also_when_the_environment_adds_to_it(write: Write) -> None:
    assert "'serve'" in message_of("serve = 3\n", write, ARTICLE_QA_PASSWORD="secret")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[chunker]\nmin_tokens = 200\n", "min_tokens=200 is above max_tokens=120"),
        ('[generator]\nengine = "openai"\nmodel = "m"\n', "needs base_url"),
        ('[generator]\nengine = "openai"\nbase_url = "http://127.0.0.1/v1"\n', "needs model"),
        ('[generator]\nengine = "openai"\nmodel = "m"\nbase_url = []\n', "needs base_url"),
        ('[generator]\nengine = "openai"\nmodel = "m"\nbase_url = ["10.0.0.1:8000"]\n', "must begin with http"),
        (
            '[generator]\nengine = "openai"\nmodel = "m"\nbase_url = ["http://a/v1", "http://a/v1/"]\n',
            "lists a server twice",
        ),
        ('[generator]\nengine = "transformers"\n', "needs model"),
    ],
)
def test_values_that_do_not_go_together_are_an_error(text: str, expected: str, write: Write) -> None:
    assert expected in message_of(text, write)


@pytest.mark.parametrize(
    "text",
    [
        '[generator]\nengine = "openai"\nbase_url = "http://ada:s3cret@10.0.0.1/v1"\n',  # the model is missing
        '[generator]\nbase_url = "http:/ada:s3cret@10.0.0.1/v1"\n',
        '[generator]\nbase_url = "http://ada:s3c/s3cret@10.0.0.1/v1"\n',
        '[generator]\nbase_url = "http://ada:s3cret@[10.0.0.1/v1"\n',
        '[generator]\nbase_url = "http://10.0.0.1/v1?key=s3cret"\n',
        '[generator]\nbase_url = "http://10.0.0.1/v1#s3cret"\n',
        '[generator]\nbase_url = {"http://ada:s3cret@a" = 1}\n',
        '[[generator]]\nbase_url = "http://ada:s3cret@10.0.0.1/v1"\n',
        'generator = {base_url = "http://ada:s3cret@a/v1"}\n[[sources]]\naddress = "a"\n[[sources]]\naddress = "a"\n',
        'index = ["postgresql://ada:s3cret@a/b"]\n',
        '[serve]\npassword = ["s3cret"]\n',
    ],
)
def test_an_error_shows_no_password(text: str, write: Write) -> None:
    message = message_of(text, write)
    assert "configuration key" in message
    assert "s3c" not in message


def test_one_server_or_several_write(write: Write) -> None:
    for written, expected in (
        ('"http://a/v1"', ("http://a/v1",)),
        ('["http://a/v1", "https://b/v1"]', ("http://a/v1", "https://b/v1")),
    ):
        write(f'[generator]\nengine = "openai"\nmodel = "m"\nbase_url = {written}\n')
        assert load_config(environment={}).generator.base_urls == expected


def test_further_problems_are_counted(write: Write) -> None:
    assert "(and 2 more)" in message_of("a = 1\nb = 2\nc = 3\n", write)


def test_value_with_line_breaks_still_gives_one_line(write: Write) -> None:
    assert "'serve.port'" in message_of('[serve]\nport = """a\nb"""\n', write)
    assert "is unknown" in message_of('"two\\nlines" = 1\n', write)


@pytest.mark.parametrize("text", ["data_dir = \n", "[serve\n", "a = 1\na = 2\n", "\x00"])
def test_bad_toml_is_an_error_that_names_the_file(text: str, write: Write) -> None:
    assert "article-qa.toml is not valid TOML" in message_of(text, write)


def test_file_that_is_not_utf8_is_an_error_that_names_it(write: Write) -> None:
    path = write("")
    path.write_bytes(b'data_dir = "\xff\xfe"\n')
    with pytest.raises(ConfigError, match=r"article-qa\.toml is not valid TOML"):
        load_config(environment={})


def test_named_file_must_exist(tmp_path: Path) -> None:
    missing = tmp_path / "missing.toml"
    with pytest.raises(ConfigError, match=r"missing\.toml does not exist"):
        load_config(environment={"ARTICLE_QA_CONFIG": str(missing)})
    with pytest.raises(ConfigError, match=r"missing\.toml does not exist"):
        load_config(file=missing, environment={})


def test_folder_in_place_of_the_file_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read"):
        load_config(file=tmp_path, environment={})
