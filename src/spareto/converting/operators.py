"""What each operator of torch between layers does to signals."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import torch
from torch import Tensor, nn

from spareto.converting.functions import ArgumentSlot, Function, Permute, Reshape
from spareto.converting.graph import LEADING, Form, Node, Ref
from spareto.converting.tape import CURE, Tape, is_zero, sample_shape
from spareto.converting.weighted import weighted

Rule = Callable[[Tape, Any, Any, dict[str, Any], Any], None]


def joined(tape: Tape, refs: list[Ref]) -> tuple[tuple[Node, ...], Form, int] | None:
    """Signals that meet in one operator, at one timestep or at all; None if they do not fit."""
    forms = {ref.form for ref in refs}
    if forms <= {"step", "sample"}:
        if forms == {"sample"}:
            return tuple(ref.node for ref in refs), "sample", 0
        t = max(ref.t for ref in refs if ref.form == "step")
        nodes = list[Node]()
        for ref in refs:
            late = 0 if ref.form == "sample" else t - ref.t
            if late > 1:
                tape.refuse(f"a value of {late} timesteps before", "one of this timestep or the last", CURE)
                return None
            nodes.append(tape.signals.delay(ref.node) if late else ref.node)
        return tuple(nodes), "step", t
    if len(forms - {"sample"}) == 1 and (len(forms) == 1 or "TB" in forms):
        held: Form = next(ref.form for ref in refs if ref.form != "sample")
        return tuple(ref.node for ref in refs), held, 0
    tape.refuse("tensors with time on different axes", "one layout", CURE)
    return None


def _each(tape: Tape, func: Any, args: Any, kwargs: dict[str, Any], output: Any) -> None:
    """An operator on single elements."""
    args = tuple(_for_each_sample(tape, args, value, output) for value in args)
    _apply(tape, func, args, kwargs, output, merged=False)


def _for_each_sample(tape: Tape, args: Any, value: Any, output: Any) -> Any:
    """A constant without the axis of samples."""
    refs = [ref for each in args if (ref := tape.ref(each))]
    if not isinstance(value, Tensor) or tape.ref(value) is not None or not refs:
        return value
    form = next((ref.form for ref in refs if ref.form != "sample"), "sample")
    axis = value.dim() - output.dim() + (1 if form in ("first", "TB") else 0)
    while 0 <= axis < value.dim() and value.shape[axis] > 1:
        if bool((value != value.narrow(axis, 0, 1)).any()):
            tape.refuse("a constant that differs from sample to sample", "one for all samples", CURE)
        value = value.narrow(axis, 0, 1)
    return value


def _sum(tape: Tape, func: Any, args: Any, kwargs: dict[str, Any], output: Any) -> None:
    """A sum: of signals, with nothing, or over the timesteps so far."""
    left, right = tape.ref(args[0]), tape.ref(args[1])
    if right is None and is_zero(args[1]) and left is not None:
        tape.hold(output, left.node, left.form, left.t)
        return
    if left is None and is_zero(args[0]) and right is not None and kwargs.get("alpha", 1) == 1:
        tape.hold(output, right.node, right.form, right.t)
        return
    if left is not None and right is not None and left.form == right.form == "step":
        for sum_, now in ((left, right), (right, left)):
            begun = sum_.t == 0 and sum_.node is now.node
            goes_on = sum_.node.kind == "running" and sum_.node.inputs == (now.node,)
            if now.t == sum_.t + 1 and (begun or goes_on):
                shape = now.node.shape
                tape.hold(output, tape.signals.node("running", None, None, (now.node,), shape), "step", now.t)
                return
    _each(tape, func, args, kwargs, output)


def _pooled(tape: Tape, func: Any, args: Any, kwargs: dict[str, Any], output: Any) -> None:
    """An operator on the axes of one image."""
    _apply(tape, func, args, kwargs, output, merged=True)


def _apply(tape: Tape, func: Any, args: Any, kwargs: dict[str, Any], output: Any, *, merged: bool) -> None:
    found = list[tuple[Ref, Tensor]]()
    template, named = _template(tape, args, found), _template(tape, kwargs, found)
    name = f"{func._schema.name.removeprefix('aten::').removesuffix('_' if func._schema.is_mutable else '-')}"
    name += f".{func._schema.overload_name or 'default'}"
    _place(tape, found, Function(name, template, named, merged), output)


def _place(tape: Tape, found: list[tuple[Ref, Tensor]], function: Function, output: Any) -> None:
    meeting = joined(tape, [ref for ref, _ in found])
    made = output[0] if isinstance(output, tuple | list) else output
    if meeting is None:
        tape.hold(made, tape.refuse("a sum of these", "signals that fit", CURE), "step")
        return
    nodes, form, t = meeting
    lead = tape.lead(form)
    if tuple(made.shape[: len(lead)]) != lead:
        tape.hold(made, tape.refuse("an operator over samples", "one on each sample", CURE), "step")
        return
    key = tape.key((function.name, function.args, function.kwargs, function.merged))
    node = tape.signals.node("function", key, function, nodes, sample_shape(made, form), tape.place)
    tape.hold(made, node, form, t)


def _template(tape: Tape, value: Any, found: list[tuple[Ref, Tensor]]) -> Any:
    """Arguments with slots for signals; constants lose axes of time and samples."""
    if isinstance(value, Tensor):
        ref = tape.ref(value)
        if ref is not None:
            found.append((ref, value))
            return ArgumentSlot(len(found) - 1)
        if tape.trained(value):
            cure = "Put the parameter into a layer of torch."
            tape.refuse("a parameter outside of a layer", "a layer", cure)
        while value.dim() and value.shape[0] == 1:
            value = value[0]
        with torch.inference_mode(mode=False):  # else no gradient could go through
            return value.clone()
    if isinstance(value, dict):
        return {key: _template(tape, item, found) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(_template(tape, item, found) for item in value)
    return value


_GOES: Final[dict[Form, tuple[Form, ...]]] = {
    "step": ("step", "first"),
    "sample": ("sample", "first"),
    "first": ("first", "step"),
    "TB": ("TB", "T*B"),
    "T*B": ("T*B", "TB"),
    "BT": ("BT", "B*T"),
    "B*T": ("B*T", "BT"),
}
"""Forms that a tensor may have after a reshape."""


def _shaped(tape: Tape, func: Any, args: Any, kwargs: dict[str, Any], output: Any) -> None:
    """Another shape of the same elements in the same order."""
    made = output[0] if isinstance(output, tuple | list) else output
    ref = tape.ref(args[0])
    if ref is None:
        return
    size = tuple(made.shape)
    for form in _GOES[ref.form]:
        lead = tape.lead(form)
        if size[: len(lead)] != lead:
            continue
        rest = size[len(lead) :]
        node = ref.node
        if rest != node.shape:
            node = tape.signals.node("function", ("reshape", rest), Reshape(rest), (node,), rest, tape.place)
        tape.hold(made, node, form, ref.t)
        return
    got = f"a reshape from {tuple(args[0].shape)} to {size}"
    tape.hold(made, tape.refuse(got, "one that keeps time and samples apart from the rest", CURE), "step")


def _repeated(tape: Tape, func: Any, args: Any, kwargs: dict[str, Any], output: Any) -> None:
    """The same for every timestep."""
    ref = tape.ref(args[0])
    if ref is None:
        return
    grown = tuple(output.shape) != tuple(args[0].shape)
    once = ref.form == "first" and ref.node.timeless and output.shape[1:] == args[0].shape[1:]
    if not grown:
        tape.hold(output, ref.node, ref.form, ref.t)
    elif once and tape.timesteps in (None, output.shape[0]):
        tape.timesteps = int(output.shape[0])
        tape.hold(output, ref.node, "TB")
    else:
        got = f"an {func._schema.name} from {tuple(args[0].shape)} to {tuple(output.shape)}"
        tape.hold(output, tape.refuse(got, "one along a new axis of time", CURE), "step")


def _turned(tape: Tape, func: Any, args: Any, kwargs: dict[str, Any], output: Any) -> None:
    """Another order of axes."""
    ref, rank = tape.ref(args[0]), args[0].dim()
    if ref is None:
        return
    if func._schema.name.endswith("permute"):
        order = [axis % rank for axis in args[1]]
    else:
        order = list(range(rank))
        first, second = (0, 1) if len(args) < 3 else (args[1] % rank, args[2] % rank)
        order[first], order[second] = order[second], order[first]
    lead = LEADING[ref.form]
    ahead, behind = order[:lead], tuple(axis - lead for axis in order[lead:])
    form: Form | None = ref.form if ahead == list(range(lead)) else None
    if ahead == [1, 0] and ref.form in ("TB", "BT"):
        form = "BT" if ref.form == "TB" else "TB"
    if form is None:
        rule = "time and samples in front"
        tape.hold(output, tape.refuse(f"an order of axes {order}", rule, CURE), "step")
        return
    node = ref.node
    if behind != tuple(range(len(behind))):
        shape = tuple(node.shape[axis] for axis in behind)
        node = tape.signals.node("function", ("permute", behind), Permute(behind), (node,), shape, tape.place)
    tape.hold(output, node, form, ref.t)


def _selected(tape: Tape, func: Any, args: Any, kwargs: dict[str, Any], output: Any) -> None:
    """One timestep of all, or a part of each sample."""
    ref, axis = tape.ref(args[0]), args[1] % args[0].dim()
    if ref is None:
        return
    if ref.form in ("TB", "BT") and axis == (0 if ref.form == "TB" else 1):
        tape.hold(output, ref.node, "step", args[2] % args[0].shape[axis])
        return
    _along(tape, func, args, kwargs, output)


def _unbound(tape: Tape, func: Any, args: Any, kwargs: dict[str, Any], output: Any) -> None:
    """All timesteps one by one."""
    ref, axis = tape.ref(args[0]), (args[1] if len(args) > 1 else 0) % args[0].dim()
    for t, step in enumerate(output):
        if ref is not None and ref.form in ("TB", "BT") and axis == (0 if ref.form == "TB" else 1):
            tape.hold(step, ref.node, "step", t)
        else:
            tape.hold(step, tape.refuse("a tensor taken apart", "one taken apart along time", CURE), "step")


def _along(tape: Tape, func: Any, args: Any, kwargs: dict[str, Any], output: Any) -> None:
    """An operator along axes of each sample; they are counted from the end."""
    ref = tape.ref(args[0])
    if ref is None:
        return
    rank, lead = args[0].dim(), LEADING[ref.form]
    axes = args[1] if len(args) > 1 else kwargs.get("dim")
    listed = [axes] if isinstance(axes, int) else list(axes or range(rank))
    if any(axis % rank < lead for axis in listed):
        tape.hold(
            output,
            tape.refuse(f"{func._schema.name} over time or samples", "one on each sample", CURE),
            "step",
        )
        return
    turned = [axis % rank - rank for axis in listed]
    _apply(
        tape,
        func,
        (args[0], turned[0] if isinstance(axes, int) else turned, *args[2:]),
        kwargs,
        output,
        merged=False,
    )


def _reduced(how: str) -> Rule:
    """A mean, sum or maximum over time, or along axes of each sample."""

    def rule(tape: Tape, func: Any, args: Any, kwargs: dict[str, Any], output: Any) -> None:
        ref, rank = tape.ref(args[0]), args[0].dim()
        axes = args[1] if len(args) > 1 else kwargs.get("dim")
        listed = [axes] if isinstance(axes, int) else list(axes or [])
        time = {"TB": 0, "BT": 1}.get("" if ref is None else ref.form)
        keeps = (args[2] if len(args) > 2 else kwargs.get("keepdim", False)) is True
        if ref is not None and time is not None and not keeps and [axis % rank for axis in listed] == [time]:
            made = output[0] if isinstance(output, tuple) else output
            node = tape.signals.node("vote", how, how, (ref.node,), ref.node.shape, tape.place)
            tape.hold(made, node, "sample")
            return
        _along(tape, func, args, kwargs, output)

    return rule


def _stacked(tape: Tape, func: Any, args: Any, kwargs: dict[str, Any], output: Any) -> None:
    """Timesteps put together, or signals of one timestep."""
    refs = [tape.ref(tensor) for tensor in args[0]]
    axis = (args[1] if len(args) > 1 else kwargs.get("dim", 0)) % output.dim()
    over_time = all(ref is not None and ref.form in ("step", "first") for ref in refs)
    over_time = over_time and [ref.t for ref in refs if ref] == list(range(len(refs)))
    joining = func._schema.name.endswith("cat")
    if (
        over_time
        and len(refs) > 1
        and axis < 2
        and (not joining or all(ref and ref.form == "first" for ref in refs))
    ):
        if tape.timesteps is None:
            tape.timesteps = len(refs)
        if len(refs) == tape.timesteps:
            last = refs[-1]
            assert last is not None
            same = all(ref is not None and ref.node is last.node for ref in refs[1:])
            node = last.node if same else tape.refuse("timesteps of different signals", "one signal", CURE)
            tape.hold(output, node, "TB" if axis == 0 else "BT")
            return
    known = [ref for ref in refs if ref is not None]
    lead = LEADING[known[0].form]
    if len(known) < len(refs) or axis < lead:
        rule = "all timesteps, or signals along an axis of each sample"
        tape.hold(output, tape.refuse(f"{func._schema.name} of {len(refs)} tensors", rule, CURE), "step")
        return
    _apply(tape, func, (args[0], axis - output.dim()), {}, output, merged=False)


def _same(tape: Tape, func: Any, args: Any, kwargs: dict[str, Any], output: Any) -> None:
    """Nothing changes, or the type does."""
    ref = tape.ref(args[0]) if tape.ref(args[0]) is not None else tape.ref(args[1])
    if ref is not None:
        tape.hold(output, ref.node, ref.form, ref.t)


def _cast(tape: Tape, func: Any, args: Any, kwargs: dict[str, Any], output: Any) -> None:
    """Another type of the same numbers."""
    wide = output.dtype in (torch.float32, torch.float64)
    if not wide and not torch.equal(output.to(args[0].dtype), args[0]):
        got, rule = f"numbers that {output.dtype} rounds", "a type that keeps them"
        tape.hold(
            output, tape.refuse(got, rule, "Round in a layer of torch, or keep the network as it is."), "step"
        )
        return
    _same(tape, func, args, kwargs, output)


def _sliced(tape: Tape, func: Any, args: Any, kwargs: dict[str, Any], output: Any) -> None:
    """A part of an axis; the whole axis is nothing."""
    if output.shape == args[0].shape and (len(args) < 5 or args[4] == 1):
        _same(tape, func, args, kwargs, output)
    elif len(args) > 1:
        _along(tape, func, args, kwargs, output)
    else:
        tape.hold(output, tape.refuse("some of the timesteps", "all of them", CURE), "step")


def _detached(tape: Tape, func: Any, args: Any, kwargs: dict[str, Any], output: Any) -> None:
    """The same numbers, through which no gradient goes; none goes to the input anyway."""
    ref = tape.ref(args[0])
    if ref is None or ref.node.kind == "input":
        _same(tape, func, args, kwargs, output)
    else:
        _each(tape, func, args, kwargs, output)


def _new(tape: Tape, func: Any, args: Any, kwargs: dict[str, Any], output: Any) -> None:
    """A constant of a signal's shape."""


def _dropped(tape: Tape, func: Any, args: Any, kwargs: dict[str, Any], output: Any) -> None:
    """A dropout that is no layer: nothing at inference."""
    ref = tape.ref(args[0])
    if len(args) > 2 and args[2]:
        cure = "Write training=self.training, or a layer nn.Dropout."
        got = "a dropout that is on in evaluation"
        tape.hold(output, tape.refuse(got, "one that is on in training alone", cure), "step")
        return
    if ref is not None:
        key = f"dropout {tape.place}"
        layer = tape.made.setdefault(hash(key), nn.Dropout(float(args[1])))
        node = tape.signals.node("layer", id(layer), layer, (ref.node,), ref.node.shape, tape.place)
        tape.hold(output, node, ref.form, ref.t)


def _rules(rule: Rule, names: str) -> dict[str, Rule]:
    return dict.fromkeys(names.split(), rule)


OPERATORS: Final[dict[str, Rule]] = {
    **_rules(_sum, "add"),
    **_rules(
        _each,
        "sub rsub mul div neg relu sigmoid tanh abs clamp clamp_min clamp_max exp pow square where",
    ),
    **_rules(
        _each,
        "matmul gt ge lt le hardtanh leaky_relu gelu silu elu softplus threshold sqrt floor round sign",
    ),
    **_rules(_pooled, "max_pool1d max_pool2d avg_pool1d avg_pool2d adaptive_avg_pool1d adaptive_avg_pool2d"),
    **_rules(_pooled, "max_pool2d_with_indices adaptive_max_pool2d upsample_nearest2d pad constant_pad_nd"),
    **_rules(_shaped, "view reshape _unsafe_view flatten unflatten unsqueeze squeeze view_as reshape_as"),
    **_rules(_repeated, "repeat expand expand_as"),
    **_rules(_turned, "permute transpose t"),
    **_rules(_selected, "select"),
    **_rules(_sliced, "slice"),
    **_rules(_along, "softmax log_softmax _softmax _log_softmax"),
    **_rules(_reduced("mean"), "mean"),
    **_rules(_reduced("sum"), "sum"),
    **_rules(_reduced("max"), "max"),
    **_rules(_reduced("amax"), "amax"),
    **_rules(_unbound, "unbind"),
    **_rules(_stacked, "stack cat"),
    **_rules(_same, "clone contiguous alias lift_fresh copy"),
    **_rules(_cast, "to _to_copy"),
    **_rules(_detached, "detach"),
    **_rules(_new, "zeros_like ones_like full_like new_zeros new_ones new_empty empty_like equal is_nonzero"),
    **_rules(weighted, "linear conv2d convolution"),
    **_rules(_dropped, "dropout"),
}
