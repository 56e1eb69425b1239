"""Which languages to answer in: lookup of RFC 4647, section 3.4."""

from collections.abc import Iterable, Sequence

from werkzeug.datastructures import LanguageAccept

DEFAULT_LOCALE = "en"
# More than any browser sends; the rest of a longer header is ignored.
MAX_RANGES = 20


def preferred(header: LanguageAccept) -> list[str]:
    """The language ranges of an Accept-Language header, the most wanted first."""
    return [tag for tag, quality in header if quality > 0][:MAX_RANGES]


def chain(ranges: Iterable[str], available: Sequence[str]) -> tuple[str, ...]:
    """The locales in which to look for a text, the best first and the default last.

    Each range is cut from its end until something fits: `sr-Latn-RS`, `sr-Latn`, `sr`.

    Args:
        ranges: language ranges, the most wanted first, in any case.
        available: the locales there are.
    """
    known = {locale.lower(): locale for locale in available}
    found: list[str] = []
    for language_range in ranges:
        parts = language_range.lower().split("-")
        while parts:
            locale = known.get("-".join(parts))
            if locale and locale not in found:
                found.append(locale)
            parts.pop()
            # A single letter only introduces what followed it, as in `zh-Hant-x-private`.
            if parts and len(parts[-1]) == 1:
                parts.pop()
        if DEFAULT_LOCALE in found:
            # Every text is there in the default: what comes later is never needed.
            break
    return (*(locale for locale in found if locale != DEFAULT_LOCALE), DEFAULT_LOCALE)
