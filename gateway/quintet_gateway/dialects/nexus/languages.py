"""The fourteen languages of the document."""

LANGUAGES = frozenset({"en", "es", "fr", "de", "it", "pt", "ru", "ja", "ko", "zh", "ar", "hi", "ur", "th"})
DEFAULT_LANGUAGE = "en"


def effective_language(requested: str) -> str:
    """Maps what a client asks for, such as `pt-BR` or `zh_CN`, to a documented language; unknown ones become `en`."""
    primary = requested.strip().replace("_", "-").partition("-")[0].lower()
    return primary if primary in LANGUAGES else DEFAULT_LANGUAGE
