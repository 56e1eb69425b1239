from scripts.settings_reference import FILE, reference


def test_the_settings_page_is_current() -> None:
    assert FILE.read_text() == reference(), "run: python -m scripts.settings_reference"
