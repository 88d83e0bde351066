"""One runnable file per figure that the project quotes: ``python -m bench.NAME [--json]``."""
