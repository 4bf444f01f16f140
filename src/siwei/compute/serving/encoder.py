"""A BERT encoder as a sentence-transformers folder holds it (`model.safetensors`), run with NumPy alone.

Texts become unit vectors: the mean of the last layer over a text's tokens. One text at a time, so that no padding
changes a result. (Reimers and Gurevych, Sentence-BERT, 2019; Devlin et al., BERT, 2018.)
"""

import json
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.special import erf

from siwei.compute.serving.wordpiece import tokenise
from siwei.errors import InputError, Problem

Array = NDArray[np.float32]
MOST_TOKENS = 256


class Encoder:
    """Reads the folder once; `encode` may be called from several threads."""

    def __init__(self, folder: Path) -> None:
        try:
            config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
            lines = (folder / "vocab.txt").read_text(encoding="utf-8").splitlines()
            self.weights = read_safetensors(folder / "model.safetensors")
        except (OSError, ValueError) as error:
            raise InputError([Problem(f"{folder} holds no encoder: {error}", fix="name a model's folder")]) from None
        self.vocabulary = {word: number for number, word in enumerate(lines)}
        self.layers, self.heads = int(config["num_hidden_layers"]), int(config["num_attention_heads"])
        self.epsilon = np.float32(config["layer_norm_eps"])
        self.most_tokens = min(MOST_TOKENS, int(config["max_position_embeddings"]))

    def encode(self, text: str) -> tuple[Array, int]:
        """The text's unit vector, and how many tokens were read."""
        ids = tokenise(text, self.vocabulary, self.most_tokens)
        pooled = self._states(ids).mean(axis=0)
        return (pooled / np.linalg.norm(pooled)).astype(np.float32), len(ids)

    def _states(self, ids: list[int]) -> Array:
        part = self.weights
        states = (
            part["embeddings.word_embeddings.weight"][ids]
            + part["embeddings.position_embeddings.weight"][: len(ids)]
            + part["embeddings.token_type_embeddings.weight"][0]
        )
        states = self._normalise(states, "embeddings.LayerNorm")
        for number in range(self.layers):
            layer = f"encoder.layer.{number}"
            attended = self._linear(self._attend(states, f"{layer}.attention.self"), f"{layer}.attention.output.dense")
            states = self._normalise(states + attended, f"{layer}.attention.output.LayerNorm")
            widened = self._linear(states, f"{layer}.intermediate.dense")
            widened = (widened * 0.5 * (1 + erf(widened / np.sqrt(np.float32(2))))).astype(np.float32)
            states = self._normalise(
                states + self._linear(widened, f"{layer}.output.dense"), f"{layer}.output.LayerNorm"
            )
        return states

    def _attend(self, states: Array, name: str) -> Array:
        query, key, value = (
            self._linear(states, f"{name}.{part}").reshape(len(states), self.heads, -1).transpose(1, 0, 2)
            for part in ("query", "key", "value")
        )
        scores = query @ key.transpose(0, 2, 1) / np.sqrt(np.float32(query.shape[-1]))
        weights = np.exp(scores - scores.max(axis=-1, keepdims=True))
        weights /= weights.sum(axis=-1, keepdims=True)
        return np.asarray((weights @ value).transpose(1, 0, 2).reshape(len(states), -1), dtype=np.float32)

    def _linear(self, states: Array, name: str) -> Array:
        return np.asarray(states @ self.weights[f"{name}.weight"].T + self.weights[f"{name}.bias"], dtype=np.float32)

    def _normalise(self, states: Array, name: str) -> Array:
        centred = states - states.mean(axis=-1, keepdims=True)
        spread = np.sqrt((centred**2).mean(axis=-1, keepdims=True) + self.epsilon)
        normal = centred / spread * self.weights[f"{name}.weight"] + self.weights[f"{name}.bias"]
        return np.asarray(normal, dtype=np.float32)


def read_safetensors(path: Path) -> dict[str, Array]:
    """Every 32-bit tensor of a file, mapped and not read: eight bytes of length, a JSON header, then the numbers."""
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        if length > 100_000_000:
            raise ValueError("its header is too long")
        header = json.loads(file.read(length))
    numbers = np.memmap(path, mode="r", offset=8 + length)
    tensors: dict[str, Array] = {}
    for name, entry in header.items():
        if name != "__metadata__" and entry["dtype"] == "F32":
            begin, end = entry["data_offsets"]
            # Copied where it does not begin on a number's border.
            tensors[name] = np.frombuffer(numbers[begin:end].tobytes(), dtype="<f4").reshape(entry["shape"])
    return tensors
