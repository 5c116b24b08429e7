"""What `gazal export` writes, loaded by real vLLM: the log-probabilities of the trainer's model."""

import json
import urllib.request

import pytest
import yaml

pytest.importorskip("vllm", reason="make test-vllm installs it")

import torch
from test_server import start, stop
from transformers import AutoModelForCausalLM, AutoTokenizer

from gazal.config.load import load_recipe
from gazal.path import run
from gazal.serve.export import export

RECIPE = {
    "name": "short",
    "model": {"path": "tiny-base", "dtype": "float32"},
    "adapter": {"rank": 4, "alpha": 8},
    "sft": {
        "examples": [{"source": "world", "n": 8}],
        "steps": 2,
        "learning_rate": 0.001,
        "pack_length": 640,
        "rows_per_step": 2,
        "micro_rows": 2,
    },
}
ASKED = "A 71-year-old woman has a fever and a cough. Which diagnosis is most likely?"


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    folder = tmp_path_factory.mktemp("exported")
    (folder / "recipe.yaml").write_text(yaml.safe_dump(RECIPE))
    for _ in run(load_recipe(folder / "recipe.yaml", []), folder / "short"):
        pass
    list(export(folder / "short", folder / "mine"))
    return folder


@torch.inference_mode()
def find_logprobs(folder, ids):
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
    logprobs = model(input_ids=torch.tensor([ids])).logits[0, :-1].log_softmax(-1)
    return logprobs.gather(1, torch.tensor(ids[1:]).unsqueeze(1)).squeeze(1)


def test_vllm_gives_the_trainers_logprobs(exported, tmp_path):
    place = exported / "mine" / "merged"
    ids = AutoTokenizer.from_pretrained(place).encode(ASKED)
    wanted = find_logprobs(exported / "short" / "sft" / "merged", ids)
    server, address = start(place, tmp_path / "log.txt")
    try:
        asked = {"model": str(place), "prompt": ids, "max_tokens": 1, "temperature": 0, "prompt_logprobs": 1}
        request = urllib.request.Request(
            f"{address}/v1/completions", json.dumps(asked).encode(), {"Content-Type": "application/json"}
        )
        with urllib.request.urlopen(request, timeout=60) as answer:
            (choice,) = json.load(answer)["choices"]
    finally:
        stop(server)
    found = choice["prompt_logprobs"][1:]
    said = [row[str(token)]["logprob"] for row, token in zip(found, ids[1:], strict=True)]
    assert torch.allclose(torch.tensor(said), wanted, atol=1e-4)
