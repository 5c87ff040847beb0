"""A product of two activations."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from pydantic import model_validator

from spareto.core.bounds import Amount, Positive
from spareto.core.config import Record
from spareto.core.errors import Problem
from spareto.records.agreement import Statistic, at_most, ordered, require
from spareto.records.layer import Neuron
from spareto.records.tensor import Tensor, run_problems


class Product(Record):
    """A product of two activations, such as the queries and keys of spiking attention: no weights.

    Args:
        name: Dotted name of the module it runs in, and its place there.
        rows: Rows of the left operand.
        inner: Columns of the left operand, rows of the right one.
        columns: Columns of the right operand.
        repeats: Independent products a timestep, such as heads.
        timesteps: T; 1 for one that runs once an inference.
        left: Left operand; its shape is (repeats, rows, inner).
        right: Right operand; its shape is (repeats, inner, columns).
        output: The result, of shape (repeats, rows, columns), or what its neurons emit.
        operation: What one pair of elements needs: `and` of two spikes, `accumulate` of a spike and a number,
            `multiply` of two numbers; each is added up.
        effectual_mean: Pairs of which neither element is zero, per inference, mean over the samples.
        effectual_max: The same, for the sample that has most of them.
        neuron: The neurons it feeds, or None; `output` is then what they emit.
        note: What a reader should know about how it was counted.
    """

    name: str
    rows: Positive
    inner: Positive
    columns: Positive
    repeats: Positive = 1
    timesteps: Positive
    left: Tensor
    right: Tensor
    output: Tensor
    operation: Literal["and", "accumulate", "multiply"]
    effectual_mean: Amount
    effectual_max: Amount
    neuron: Neuron | None = None
    note: str = ""

    @model_validator(mode="after")
    def _check(self) -> Product:
        return require(self, _problems(self))

    @property
    def dense(self) -> int:
        """Pairs per inference, zeros included."""
        return self.timesteps * self.repeats * self.rows * self.inner * self.columns

    def effectual(self, statistic: Statistic = "mean") -> float:
        """Pairs of which neither element is zero, per inference."""
        return self.effectual_mean if statistic == "mean" else self.effectual_max


def _problems(product: Product) -> Iterator[Problem]:
    """Contradictions within a product of two activations."""
    repeats, rows, inner, columns = product.repeats, product.rows, product.inner, product.columns
    for name, tensor, shape in (
        ("left", product.left, (repeats, rows, inner)),
        ("right", product.right, (repeats, inner, columns)),
        ("output", product.output, (repeats, rows, columns)),
    ):
        emitted = name == "output" and product.neuron is not None  # neurons may see it in another shape
        if tensor.shape != shape and not emitted:
            yield Problem(f".{name}.shape", str(tensor.shape), str(shape))
        yield from run_problems(tensor, product.timesteps, f".{name}")
    yield from ordered("effectual", product.effectual_mean, product.effectual_max)
    for statistic in ("mean", "max"):
        for operand, met in ((product.left, columns), (product.right, rows)):
            nonzero, pairs = operand.nonzero(statistic), product.effectual(statistic)
            told = f"{nonzero:.12g} elements x {met} that each meets"
            yield from at_most(f".effectual_{statistic}", pairs, nonzero * met, told)
    if product.neuron and product.neuron.count != product.output.size:
        rule = f"as many as the output has elements, {product.output.size}"
        yield Problem(".neuron.count", f"{product.neuron.count} neurons", rule)
