"""gazal's judges as the reward of TRL's GRPOTrainer: a few steps on the CPU, on cases of the clinical world.

    python examples/grpo_with_trl.py [MODEL]

You learn how a verdict becomes the reward of another library's trainer, with its parts logged apart. MODEL is
a folder or a name on the hub; without it, gazal's own tiny base. Needs trl, which is in the `dev` extra.
"""

import sys
import tempfile

from datasets import Dataset
from transformers import PrinterCallback
from trl import GRPOConfig, GRPOTrainer

from gazal.config.model import ModelConfig
from gazal.config.reward import RewardConfig
from gazal.core.chat import write_prompt
from gazal.core.trace import Trace
from gazal.model.load import load_model, load_tokenizer
from gazal.score.compose import compose
from gazal.world.generate import make_cases

STEPS, LONGEST, CASES = 3, 96, {case.id: case for case in make_cases(n=12, seed=3)}


def main(config: ModelConfig, folder: str) -> None:
    """Train, then say what each step was paid for and how far the weights moved."""
    model, tokenizer = load_model(config), load_tokenizer(config)
    before = [weight.detach().cpu().clone() for weight in model.parameters()]

    def judged(completions, completion_ids, case_id, log_metric, **_) -> list[float | None]:
        verdicts = []
        for reply, ids, name in zip(completions, completion_ids, case_id, strict=True):
            stop = "end" if ids[-1] in trainer.eos_token_ids else "length"
            trace = Trace(case_id=name, text=reply[0]["content"], stop=stop, n_tokens=len(ids))
            verdicts.append(compose(CASES[name], trace, RewardConfig(), max_new_tokens=LONGEST))
        for part in verdicts[0].parts:
            log_metric(f"part/{part}", sum(verdict.parts[part] for verdict in verdicts) / len(verdicts))
        return [verdict.total for verdict in verdicts]

    asked = {name: [{"role": "user", "content": write_prompt(case)}] for name, case in CASES.items()}
    rows = Dataset.from_dict({"case_id": list(asked), "prompt": list(asked.values())})
    there: dict = {"output_dir": folder, "use_cpu": True, "bf16": False, "gradient_checkpointing": False}
    quiet: dict = {"report_to": "none", "save_strategy": "no", "logging_steps": 1, "disable_tqdm": True}
    group: dict = {"per_device_train_batch_size": 16, "num_generations": 8, "max_completion_length": LONGEST}
    args = GRPOConfig(**there, **quiet, **group, max_steps=STEPS, learning_rate=1e-4)
    trainer = GRPOTrainer(model, judged, args, rows, processing_class=tokenizer)
    trainer.remove_callback(PrinterCallback)
    trainer.train()
    for line in trainer.state.log_history[:STEPS]:
        parts = " ".join(f"{key[5:]} {line[key]:+.3f}" for key in line if key.startswith("part/"))
        print(f"step {line['step']}: reward {line['reward']:.3f} = {parts}; gradient {line['grad_norm']:.3g}")
    moved = max((a - b).abs().max().item() for a, b in zip(before, model.parameters(), strict=True))
    print(f"the weights moved by up to {moved:.2g}")


if __name__ == "__main__":
    main(ModelConfig(path=sys.argv[1]) if len(sys.argv) > 1 else ModelConfig(), tempfile.mkdtemp())
