"""A small real generative model for tests: textgenrnn's character network (trained on titles), run with NumPy alone.

The package ships its weights; nothing of it is imported, since that would load TensorFlow. A character is a token.
The weights are as CuDNN keeps them: each gate's matrix transposed, and two biases that are added.
"""

import importlib.util
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

WINDOW = 40
UNITS = 128
START = "<s>"


class CharacterModel:
    def __init__(self) -> None:
        import h5py

        found = importlib.util.find_spec("textgenrnn")
        assert found is not None and found.origin is not None
        folder = Path(found.origin).parent
        vocabulary: dict[str, int] = json.loads((folder / "textgenrnn_vocab.json").read_text(encoding="utf-8"))
        self.index = vocabulary
        self.character = {number: each for each, number in vocabulary.items()}
        with h5py.File(folder / "textgenrnn_weights.hdf5") as file:
            self.embedding = np.array(file["embedding/embedding/embeddings:0"])
            self.attention = np.array(file["attention/attention/attention_W:0"])[:, 0]
            self.kernel, self.bias = (np.array(file[f"output/output/{name}:0"]) for name in ("kernel", "bias"))
            self.layers = [layer(file, name) for name in ("rnn_1", "rnn_2")]

    def generate(self, prompt: str, most: int, seed: int, temperature: float = 0.5) -> Iterator[str]:
        """Characters one by one, until the model ends its title or `most` are written."""
        random = np.random.default_rng(seed)
        text = [START, *prompt]
        for _ in range(most):
            encoded = [self.index.get(each, 0) for each in text[-WINDOW:]]
            scores = np.log(self.probabilities(encoded) + 1e-9) / max(temperature, 0.01)
            likely = np.exp(scores - scores.max())
            chosen = self.character.get(int(random.choice(len(likely), p=likely / likely.sum())), "")
            if chosen == START:
                return
            text.append(chosen)
            yield chosen

    def probabilities(self, encoded: list[int]) -> Any:
        embedded = self.embedding[[0] * (WINDOW - len(encoded)) + encoded]
        first = recur(embedded, *self.layers[0])
        second = recur(first, *self.layers[1])
        together = np.concatenate([embedded, first, second], axis=1)
        weights = np.exp((logits := together @ self.attention) - logits.max())
        scores = (weights / weights.sum()) @ together @ self.kernel + self.bias
        likely = np.exp(scores - scores.max())
        return likely / likely.sum()


def layer(file: Any, name: str) -> tuple[Any, Any, Any]:
    kernel, recurrent, bias = (
        np.array(file[f"{name}/{name}/{part}:0"]) for part in ("kernel", "recurrent_kernel", "bias")
    )
    gates = np.split(kernel, 4, axis=1)
    inward = np.hstack([gate.T.reshape(gate.shape, order="F") for gate in gates])
    back = np.hstack([gate.T for gate in np.split(recurrent, 4, axis=1)])
    return inward, back, bias[: 4 * UNITS] + bias[4 * UNITS :]


def recur(inputs: Any, kernel: Any, recurrent: Any, bias: Any) -> Any:
    """A long short-term memory over a sequence; gates in the order input, forget, cell, output."""
    given = inputs @ kernel + bias
    state, cell = np.zeros(UNITS, dtype=given.dtype), np.zeros(UNITS, dtype=given.dtype)
    states = []
    for step in given:
        reading, forgetting, proposed, writing = np.split(step + state @ recurrent, 4)
        cell = sigmoid(forgetting) * cell + sigmoid(reading) * np.tanh(proposed)
        state = sigmoid(writing) * np.tanh(cell)
        states.append(state)
    return np.stack(states)


def sigmoid(values: Any) -> Any:
    return 1 / (1 + np.exp(-values))
