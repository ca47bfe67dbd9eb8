"""Components that run inside Rasa (Python 3.10). They import nothing else of `bot`."""
