"""A small training job, whole: makes data, fits a two-layer network by gradient descent, writes what it learnt.

It runs by itself inside the sandbox and needs NumPy only. Same arguments, same numbers.
Out: `metrics.json` (also one line per epoch in `history.jsonl`) and `model.npz` in the work directory.
"""

import argparse
import json
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Labels = NDArray[np.int64]


@dataclass(frozen=True)
class Network:
    """Weights of input → hidden (tanh) → classes (softmax)."""

    hidden: Array
    hidden_bias: Array
    output: Array
    output_bias: Array


def make_data(rng: np.random.Generator, rows: int, features: int, classes: int) -> tuple[Array, Labels]:
    """Points labelled by a random network that the job does not see; one label in twenty is wrong, as labels are."""
    points = rng.normal(0, 1, (rows, features))
    hidden = np.tanh(points @ rng.normal(0, 2.5 * features**-0.5, (features, 16)))
    labels = (hidden @ rng.normal(0, 1, (16, classes))).argmax(1)
    wrong = rng.random(rows) < 0.05
    labels[wrong] = rng.integers(0, classes, int(wrong.sum()))
    return points, labels


def forward(network: Network, points: Array) -> tuple[Array, Array]:
    """Hidden activations and class probabilities."""
    hidden = np.tanh(points @ network.hidden + network.hidden_bias)
    logits = hidden @ network.output + network.output_bias
    powers = np.exp(logits - logits.max(1, keepdims=True))
    return hidden, powers / powers.sum(1, keepdims=True)


def step(network: Network, points: Array, labels: Labels, rate: float) -> Network:
    """One gradient step on the mean cross-entropy of a batch."""
    hidden, probabilities = forward(network, points)
    slope = probabilities.copy()
    slope[np.arange(len(labels)), labels] -= 1
    slope /= len(labels)
    back = (slope @ network.output.T) * (1 - hidden**2)
    return Network(
        network.hidden - rate * points.T @ back,
        network.hidden_bias - rate * back.sum(0),
        network.output - rate * hidden.T @ slope,
        network.output_bias - rate * slope.sum(0),
    )


def evaluate(network: Network, points: Array, labels: Labels) -> tuple[float, float]:
    """Mean cross-entropy and accuracy."""
    probabilities = forward(network, points)[1]
    chosen = probabilities[np.arange(len(labels)), labels]
    return float(-np.log(np.maximum(chosen, 1e-12)).mean()), float((probabilities.argmax(1) == labels).mean())


def main(arguments: argparse.Namespace) -> None:
    began = time.monotonic()
    rng = np.random.default_rng(arguments.seed)
    points, labels = make_data(rng, arguments.rows, arguments.features, arguments.classes)
    split = arguments.rows * 4 // 5
    network = Network(
        rng.normal(0, arguments.features**-0.5, (arguments.features, arguments.hidden)),
        np.zeros(arguments.hidden),
        rng.normal(0, arguments.hidden**-0.5, (arguments.hidden, arguments.classes)),
        np.zeros(arguments.classes),
    )
    say(f"rows {arguments.rows}, features {arguments.features}, classes {arguments.classes}, seed {arguments.seed}")
    loss = accuracy = 0.0
    with Path("history.jsonl").open("w") as history:
        for epoch in range(1, arguments.epochs + 1):
            order = rng.permutation(split)
            for start in range(0, split, arguments.batch):
                batch = order[start : start + arguments.batch]
                network = step(network, points[batch], labels[batch], arguments.rate)
            loss, accuracy = evaluate(network, points[split:], labels[split:])
            say(f"epoch {epoch:3d}/{arguments.epochs}  loss {loss:.4f}  accuracy {accuracy:.4f}")
            history.write(json.dumps({"epoch": epoch, "loss": round(loss, 4), "accuracy": round(accuracy, 4)}) + "\n")
    np.savez(
        "model.npz", hidden=network.hidden, hidden_bias=network.hidden_bias,
        output=network.output, output_bias=network.output_bias,
    )  # fmt: skip
    metrics = {
        "epochs": arguments.epochs,
        "loss": round(loss, 4),
        "accuracy": round(accuracy, 4),
        "seed": arguments.seed,
    }
    Path("metrics.json").write_text(json.dumps(metrics | {"rows_held_out": arguments.rows - split}, sort_keys=True))
    say(f"done in {time.monotonic() - began:.1f} s")


def say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    for name, value in {
        "seed": 20260701, "rows": 100_000, "features": 24, "classes": 6, "hidden": 128, "batch": 64, "epochs": 40
    }.items():  # fmt: skip
        parser.add_argument(f"--{name}", type=int, default=value)
    parser.add_argument("--rate", type=float, default=0.05)
    main(parser.parse_args())
