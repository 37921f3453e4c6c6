"""Fits small neural networks on the folds that it is told: the stand-in of `network.bench.ts`, which calls it.

    network.py TASK ANSWER

Networks of RealMLP's kind (Holzmueller, Grinsztajn, Steinwart 2024, "Better by default"), in JAX: numbers are scaled robustly, clipped smoothly and encoded piecewise
linearly or periodically (Gorishniy, Rubachev, Babenko 2022), levels are one-hot or have an embedding; neural tangent parametrisation, a learnt scale of each input,
AdamW with a schedule. Of all epochs the one of the least loss on the held-back fold is kept, as boosting's iterations are. Texts are not read.

With one layer of cosines, or as sums of products over columns, a network has exact Shapley values (ADR 52); both are here to be compared.

CPU seconds are those of this process on one thread, without what JAX compiles, which is once a table.
"""

import json
import os
import sys
import time
from functools import partial

os.environ["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"
os.environ["OPENBLAS_NUM_THREADS"] = "1"

import jax  # noqa: E402
import jax.numpy as jnp  # noqa: E402
import numpy as np  # noqa: E402
import pandas as pd  # noqa: E402

ONE_HOT_MAX = 9
LEVELS_MAX = 1_000
LEVEL_ROWS_MIN = 3
SETTINGS = dict(
    architecture="perceptron",  # or factorisation (pairs of columns), products (all sets of columns)
    rank=16,  # vectors of the latter two
    start=0.1,  # and their spread at first
    width=64,
    layers=2,
    activation=None,  # of classes selu, of numbers mish; cos
    epochs=None,  # as many as see 420,000 rows, 16 to 64
    batch=256,
    rate=None,  # of classes 0.08, of numbers 0.1
    schedule="coslog4",  # or cos
    decay=0.02,
    dropout=0.1,
    encoding="piecewise",  # or periodic
    bins=64,  # of a piecewise linear encoding, at quantiles
    frequencies=16,  # of a periodic one
    frequency=0.1,  # and the standard deviation that they begin with
    number_size=4,
    level_size=8,
    copies=1,  # networks that are averaged, of different seeds
)


def read(file, features):
    """Columns as numbers or texts; a date becomes four numbers, what is no number of a number is missing."""
    table = pd.read_csv(file, dtype=str, keep_default_na=False, na_values=[""])
    numbers, levels = {}, {}
    for feature in features:
        name, kind, column = feature["name"], feature["type"], table[feature["name"]]
        if kind in ("numeric", "boolean") and pd.to_numeric(column, errors="coerce").notna().sum() == column.notna().sum():
            numbers[name] = pd.to_numeric(column, errors="coerce").to_numpy(float)
        elif kind == "date":
            date = pd.to_datetime(column, errors="coerce")
            for part, values in dict(day=date.astype("int64") / 86_400e9, month=date.dt.month, weekday=date.dt.weekday, hour=date.dt.hour).items():
                numbers[f"{name} {part}"] = values.to_numpy(float)
        elif kind != "text":
            levels[name] = column.fillna("").to_numpy(str)
    return table, numbers, levels


def edges_of(known, bins):
    """Edges of bins at quantiles, half of them of the values that are not the most frequent one."""
    values, counts = np.unique(known, return_counts=True)
    rest = known[known != values[counts.argmax()]]
    grid = np.linspace(0, 1, bins // 2 + 1)
    edges = np.unique(np.concatenate([np.quantile(known, grid, method="nearest"), np.quantile(rest, grid, method="nearest")]))
    return edges


def piecewise(values, edges, bins):
    """Piecewise linear encoding: how far through each bin a value is, 0 to 1 (rows x bins, 0 where there are fewer); Gorishniy et al. 2022, equation 1."""
    shares = np.clip((values[:, None] - edges[:-1]) / np.diff(edges), 0, 1)
    return np.pad(shares, ((0, 0), (0, bins + 2 - shares.shape[1])))


class Encoder:
    """Learns scales and levels from training rows. Missing: the median, and a column of its own where some are."""

    def __init__(self, numbers, levels, rows, bins):
        self.bins = bins
        self.numbers, self.levels = [], []
        for name, values in numbers.items():
            known = values[rows][~np.isnan(values[rows])]
            if len(np.unique(known)) < 2:
                continue
            low, middle, high = np.quantile(known, [0.25, 0.5, 0.75])
            span = high - low if high > low else (known.max() - known.min()) / 2
            self.numbers.append((name, middle, 1 / span, bool(np.isnan(values[rows]).any()), edges_of(known, bins)))
        for name, values in levels.items():
            found, counts = np.unique(values[rows], return_counts=True)
            order = np.argsort(-counts, kind="stable")[:LEVELS_MAX]
            self.levels.append((name, [found[at] for at in order if counts[at] >= LEVEL_ROWS_MIN]))

    def encode(self, numbers, levels):
        """:return: scaled numbers, rows x numbers; their piecewise encodings, rows x numbers x bins; plain columns of 0 and 1; codes of levels, 0 where unknown, rows x columns"""
        count = len(next(iter({**numbers, **levels}.values())))
        scaled, shares, plain, codes = [], [], [], []
        for name, middle, scale, has_missing, edges in self.numbers:
            known = np.where(np.isnan(numbers[name]), middle, numbers[name])
            z = (known - middle) * scale
            scaled.append(z / np.sqrt(1 + (z / 3) ** 2))
            shares.append(piecewise(known, edges, self.bins))
            if has_missing:
                plain.append(np.isnan(numbers[name]).astype(float))
        for name, known in self.levels:
            if len(known) == 2:
                plain.append(np.where(levels[name] == known[0], 1.0, np.where(levels[name] == known[1], -1.0, 0.0)))
            elif len(known) <= ONE_HOT_MAX:
                plain += [(levels[name] == level).astype(float) for level in known]
            else:
                at = {level: place + 1 for place, level in enumerate(known)}
                codes.append(np.array([at.get(level, 0) for level in levels[name]]))
        stack = lambda columns, kind, *more: np.stack(columns, 1).astype(kind) if columns else np.zeros((count, 0, *more), kind)
        return stack(scaled, np.float32), stack(shares, np.float32, self.bins + 2), stack(plain, np.float32), stack(codes, np.int32)


def initial(key, settings, numbers, plain, level_counts, outputs):
    keys = iter(jax.random.split(key, 8 + len(level_counts) + 2 * settings["layers"]))
    f, size = settings["frequencies"], settings["number_size"] - 1
    if settings["encoding"] == "piecewise":
        f, periodic = settings["bins"] + 2, {}
    else:
        w = settings["frequency"] * jax.random.normal(next(keys), (numbers, f))
        periodic = dict(w=w, b=jax.random.uniform(next(keys), (numbers, f), minval=-jnp.pi, maxval=jnp.pi))
    p = dict(
        **periodic,
        v=jax.random.uniform(next(keys), (numbers, f, size), minval=-1, maxval=1) / np.sqrt(f),
        u=jax.random.uniform(next(keys), (numbers, size), minval=-1, maxval=1) / np.sqrt(f),
        levels=[jax.random.normal(next(keys), (count + 1, settings["level_size"])) for count in level_counts],
    )
    width = numbers * (size + 1) + plain + len(level_counts) * settings["level_size"]
    p["scale"] = jnp.ones(width)
    p["layers"] = []
    for layer in range(settings["layers"] + 1):
        to = outputs if layer == settings["layers"] else settings["width"]
        p["layers"].append(dict(weight=jax.random.normal(next(keys), (width, to)), bias=jax.random.normal(next(keys), (to,))))
        width = to
    return p


def initial_products(key, settings, numbers, plain, level_counts, outputs):
    """Each column has a number an output and a vector of `rank` numbers, both functions of its value alone."""
    keys = iter(jax.random.split(key, 4 + len(level_counts)))
    size, f = settings["rank"] + outputs, settings["bins"] + 3
    spread = np.concatenate([np.zeros(outputs), np.full(settings["rank"], settings["start"])])
    return dict(
        v=jax.random.normal(next(keys), (numbers, f, size)) * spread / np.sqrt(8),
        plain=jax.random.normal(next(keys), (plain, size)) * spread,
        levels=[jax.random.normal(next(keys), (count + 1, size)) * spread for count in level_counts],
        mix=jax.random.normal(next(keys), (settings["rank"], outputs)) / np.sqrt(settings["rank"]),
        bias=jnp.zeros(outputs),
    )


def forward_products(p, x, model):
    """A function of each column, and pairs of columns (Rendle 2010) or all sets of columns (Blondel et al. 2016): each term is a product over columns."""
    scaled, shares, plain, codes = x
    basis = jnp.concatenate([scaled[:, :, None], shares], 2)
    fields = [jnp.einsum("rnf,nfs->rns", basis, p["v"]), plain[:, :, None] * p["plain"]]
    fields += [table[codes[:, at]][:, None] for at, table in enumerate(p["levels"])]
    each = jnp.concatenate(fields, 1)
    outputs = p["bias"].shape[0]
    own, e = each[:, :, :outputs].sum(1), each[:, :, outputs:]
    joint = 0.5 * (e.sum(1) ** 2 - (e**2).sum(1)) if model == "factorisation" else jnp.prod(1 + e, 1) - 1
    return p["bias"] + own + joint @ p["mix"]


FACTORS = dict(plain=1.0, mix=1.0, w=0.1, b=0.1, v=1.0, u=0.1, levels=1.0, scale=6.0, weight=1.0, bias=0.1)


def factor_of(path):
    """By how much a parameter's learning rate is multiplied."""
    names = [step.key for step in path if hasattr(step, "key")]
    return FACTORS[names[-1] if names[-1] in FACTORS else names[0]]


def forward(p, x, model, dropout, key):
    """:param model: the architecture, or the activation of a perceptron"""
    if model in ("factorisation", "products"):
        return forward_products(p, x, model)
    activation = jnp.cos if model == "cos" else getattr(jax.nn, model)
    scaled, shares, plain, codes = x
    basis = jnp.cos(2 * jnp.pi * (scaled[:, :, None] * p["w"] + p["b"])) if "w" in p else shares
    embedded = jnp.einsum("rnf,nfs->rns", basis, p["v"]) + p["u"]
    numbers = jnp.concatenate([scaled[:, :, None], embedded], 2).reshape(len(scaled), -1)
    h = jnp.concatenate([numbers, plain] + [table[codes[:, at]] for at, table in enumerate(p["levels"])], 1) * p["scale"]
    for at, layer in enumerate(p["layers"]):
        h = h @ layer["weight"] / np.sqrt(h.shape[1]) + layer["bias"]
        if at < len(p["layers"]) - 1:
            h = activation(h)
            if key is not None:
                key, own = jax.random.split(key)
                h = jnp.where(jax.random.uniform(own, h.shape) < dropout, 0, h / (1 - dropout))
    return h


def row_losses(kind, raw, y):
    if kind == "regression":
        return (raw[:, 0] - y) ** 2
    if kind == "binary":
        return jax.nn.softplus(raw[:, 0]) - y * raw[:, 0]
    return -jnp.take_along_axis(jax.nn.log_softmax(raw), y[:, None].astype(int), 1)[:, 0]


def schedule(name, t):
    return 0.5 * (1 - np.cos(2 * np.pi * np.log2(1 + 15 * t))) if name == "coslog4" else 0.5 * (1 + np.cos(np.pi * t))


@partial(jax.jit, static_argnames=("kind", "model", "dropout", "decay"))
def epoch(state, x, y, batches, rates, dropouts, decays, key, kind, model, dropout, decay):

    def loss(p, rows, share, own):
        part = jax.tree.map(lambda column: column[rows], x)
        return row_losses(kind, forward(p, part, model, dropout * share, own if dropout else None), y[rows]).mean()

    def step(state, given):
        p, m, v, count = state
        rows, rate, share, shrink, own = given
        g = jax.grad(loss)(p, rows, share, own)
        m = jax.tree.map(lambda m, g: 0.9 * m + 0.1 * g, m, g)
        v = jax.tree.map(lambda v, g: 0.95 * v + 0.05 * g * g, v, g)
        mc, vc = 1 - 0.9 ** (count + 1), 1 - 0.95 ** (count + 1)
        p = jax.tree_util.tree_map_with_path(
            lambda path, p, m, v: p * (1 - decay * shrink * rate * factor_of(path) * (path[-1] != jax.tree_util.DictKey("bias")))
            - rate * factor_of(path) * (m / mc) / (jnp.sqrt(v / vc) + 1e-8),
            p, m, v,
        )
        return (p, m, v, count + 1), None

    return jax.lax.scan(step, state, (batches, rates, dropouts, decays, jax.random.split(key, len(batches))))[0]


@partial(jax.jit, static_argnames=("model",))
def raw_scores(p, x, model):
    return forward(p, x, model, 0.0, None)


def fit(task, settings, encoded, level_counts, y, train, validation, test, seed, epochs_max):
    """:return: raw scores of the validation and test rows in the best epoch, and which that was"""
    kind, outputs = task["targetType"], len(task["classes"]) if task["targetType"] == "multiclass" else 1
    at = lambda rows: jax.tree.map(lambda column: jnp.asarray(column[rows]), encoded)
    mean, spread = (y[train].mean(), y[train].std()) if kind == "regression" else (0.0, 1.0)
    own = jnp.asarray((y[train] - mean) / spread, jnp.float32)
    x, held, new = at(train), at(validation), at(test)
    start = initial if settings["architecture"] == "perceptron" else initial_products
    p = start(jax.random.key(seed), settings, encoded[0].shape[1], encoded[2].shape[1], level_counts, outputs)
    zero = jax.tree.map(jnp.zeros_like, p)
    state, generator = (p, zero, zero, jnp.zeros(())), np.random.default_rng(seed)
    batch = min(settings["batch"], max(16, len(train) // 8))
    steps = len(train) // batch
    epochs = settings["epochs"] or int(np.clip(round(420_000 / len(train)), 16, 64))
    rate = settings["rate"] or (0.1 if kind == "regression" else 0.08)
    low, high = own.min(), own.max()
    is_perceptron = settings["architecture"] == "perceptron"
    activation = settings["activation"] or ("mish" if kind == "regression" else "selu")
    model = activation if is_perceptron else settings["architecture"]
    truth = jnp.asarray((y[validation] - mean) / spread, jnp.float32)
    best = (np.inf, None, None, 0)
    for number in range(min(epochs, epochs_max)):
        t = (number + np.arange(steps) / steps) / epochs
        flat = np.where(t < 0.5, 1, schedule("cos", 2 * t - 1)).astype(np.float32)
        batches = generator.permutation(len(train))[: steps * batch].reshape(steps, batch)
        rates = (rate * schedule(settings["schedule"], t)).astype(np.float32)
        key = jax.random.key(seed * 1_000 + number)
        state = epoch(state, x, own, batches, rates, flat, flat, key, kind, model, settings["dropout"], settings["decay"])
        raw = raw_scores(state[0], held, model)
        raw = jnp.clip(raw, low, high) if kind == "regression" else raw
        loss = float(row_losses(kind, raw, truth).mean())
        if loss < best[0]:
            best = (loss, raw, state[0], number + 1)
    raw = raw_scores(best[2], new, model)
    raw = jnp.clip(raw, low, high) if kind == "regression" else raw
    return np.asarray(best[1], float) * spread + mean, np.asarray(raw, float) * spread + mean, best[3]


def main(task_file, answer_file):
    task = json.load(open(task_file))
    table, numbers, levels = read(task["train"], task["features"])
    _, test_numbers, test_levels = read(task["test"], task["features"])
    joined = lambda first, second: {name: np.concatenate([first[name], second[name]]) for name in first}
    numbers, levels = joined(numbers, test_numbers), joined(levels, test_levels)
    rows, folds = np.array(task["rows"]), np.array(task["folds"])
    test = np.arange(len(table), len(next(iter({**numbers, **levels}.values()))))
    truth = table[task["target"]]
    if task["targetType"] == "regression":
        y = truth.to_numpy(float)
        y = np.log(y) if task["isLog"] else y
    else:
        class_of = {text: at for at, texts in enumerate(task["classes"]) for text in texts}
        y = truth.map(class_of).to_numpy(float)
        y = (y == task["positiveClass"]).astype(float) if task["targetType"] == "binary" else y
    answers = []
    for network in task["networks"]:
        settings = SETTINGS | network["settings"]
        out, news, epochs, seconds = None, [], [], 0.0
        for fold in range(folds.max() + 1):
            train, validation = rows[folds != fold], rows[folds == fold]
            encoder = Encoder(numbers, levels, train, settings["bins"])
            encoded = encoder.encode(numbers, levels)
            counts = [len(known) for _, known in encoder.levels if len(known) > ONE_HOT_MAX]
            run = lambda seed, epochs_max: fit(task, settings, encoded, counts, y, train, validation, test, seed, epochs_max)
            run(0, 1)
            before = time.process_time()
            made = [run(task["seed"] * 100 + fold * 10 + copy, 1_000) for copy in range(settings["copies"])]
            seconds += time.process_time() - before
            held = np.mean([one[0] for one in made], 0)
            out = np.zeros((len(rows), held.shape[1])) if out is None else out
            out[folds == fold] = held
            news.append(np.mean([one[1] for one in made], 0))
            epochs.append([one[2] for one in made])
        print(f"{network['name']}: best epochs {epochs}, {encoded[0].shape[1]} numbers, {encoded[2].shape[1]} plain columns, {counts} levels", flush=True)
        answers.append(dict(name=network["name"], cpuSeconds=seconds, outOfFold=out.ravel().tolist(), test=np.mean(news, 0).ravel().tolist()))
    json.dump(answers, open(answer_file, "w"))


if __name__ == "__main__":
    main(*sys.argv[1:])
