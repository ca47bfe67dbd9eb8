"""The sentence encoder: a text becomes a vector whose direction is its meaning.

all-MiniLM-L6-v2 (Reimers & Gurevych 2019, Sentence-BERT; Wang et al. 2020, MiniLM) as one ONNX
file made by `build_encoder.py`. onnxruntime on one thread: 3 to 15 ms a sentence, no TensorFlow.
"""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from pathlib import Path

import numpy as np
import onnxruntime
from tokenizers import Tokenizer

#: Tokens read of one text; the encoder was trained on 128.
MAX_TOKENS = 128
DIMENSIONS = 384
BATCH = 32


class SentenceEncoder:
    """Encodes texts with the ONNX file of a folder made by `build_encoder.py`."""

    def __init__(self, folder: Path) -> None:
        """Load the encoder.

        Args:
            folder: holds `encoder.onnx` and `tokenizer.json`.

        Raises:
            FileNotFoundError: the folder holds no encoder; says which command makes one.
        """
        if not (folder / "encoder.onnx").exists():
            raise FileNotFoundError(f"No sentence encoder in {folder}. Run `make setup`.")
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1  # fastest for single sentences
        options.inter_op_num_threads = 1
        self._session = onnxruntime.InferenceSession(
            str(folder / "encoder.onnx"), options, providers=["CPUExecutionProvider"]
        )
        self._tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        self._tokenizer.enable_truncation(MAX_TOKENS)
        self._tokenizer.no_padding()

    def encode(self, texts: list[str]) -> np.ndarray:
        """Vectors of length 1, float32, shape (len(texts), 384), in the order given."""
        vectors = np.zeros((len(texts), DIMENSIONS), dtype=np.float32)
        encodings = self._tokenizer.encode_batch(texts)
        by_length = sorted(range(len(texts)), key=lambda i: len(encodings[i].ids))
        batches = [by_length[start : start + BATCH] for start in range(0, len(texts), BATCH)]

        def run(rows: list[int]) -> None:
            vectors[rows] = self._run([encodings[i].ids for i in rows])

        if len(batches) == 1:
            run(batches[0])
        else:  # training: all cores, a batch each
            with ThreadPoolExecutor(os.cpu_count()) as threads:
                list(threads.map(run, batches))
        return vectors

    def _run(self, tokens: list[list[int]]) -> np.ndarray:
        """Vectors of one batch of token ids."""
        width = max(len(ids) for ids in tokens)
        ids = np.zeros((len(tokens), width), dtype=np.int32)
        mask = np.zeros((len(tokens), width), dtype=np.int32)
        for row, found in enumerate(tokens):
            ids[row, : len(found)] = found
            mask[row, : len(found)] = 1
        vectors: np.ndarray = self._session.run(None, {"input_ids": ids, "attention_mask": mask})[0]
        return vectors


def encoder_folder(configured: str) -> Path:
    """The encoder's folder: as configured, unless BOT_ENCODER in the environment names another."""
    return Path(os.environ.get("BOT_ENCODER", configured))


@lru_cache(maxsize=2)
def shared_encoder(folder: str) -> SentenceEncoder:
    """The encoder of a folder, loaded once in a process."""
    return SentenceEncoder(encoder_folder(folder))
