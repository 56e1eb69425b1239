"""A real browser for tests: Chromium, headless, over its DevTools protocol."""
