"""An engine of your own: one that never reads the question, compared with another on the same cases.

    python examples/add_an_engine.py

You learn what an engine is, how its replies are judged, and how two are compared. This one knows how often an
option was the key in 2,000 other cases. That it stays at the floor shows that options do not tell the key.
"""

import re
from collections import Counter
from collections.abc import Sequence

from gazal.config.sampling import Sampling
from gazal.core.case import Case
from gazal.core.chat import hash_prompt, write_prompt, write_reply
from gazal.core.trace import Trace
from gazal.engine.base import Engine, Request, Rollout
from gazal.evaluate.compare import compare_paired
from gazal.score.tally import judge_all, tally_kinds
from gazal.world.generate import make_cases


class PriorEngine:
    """Chooses the option that was the key most often where it was offered; of equals the first."""

    def __init__(self, name: str, cases: Sequence[Case]) -> None:
        self.name = name
        self.offered = Counter(text for case in cases for text in case.options.values())
        self.right = Counter(case.options[case.answer] for case in cases)

    def generate(self, requests: Sequence[Request], sampling: Sampling, seed: int) -> list[Rollout]:
        """One rollout per request, in their order; nothing is drawn, so neither settings nor seed matter."""
        return [Rollout(trace=self._reply(r), prompt_tokens=(), tokens=(), logprobs=()) for r in requests]

    def _reply(self, request: Request) -> Trace:
        options = re.findall(r"^([A-J])\. (.+)$", request.prompt, re.MULTILINE)
        shares = {letter: (self.right[text] + 1) / (self.offered[text] + 4) for letter, text in options}
        best = max(shares, key=lambda letter: shares[letter])
        steps = [f"Where {best} was offered it was often right.", "No other was right more often."]
        text = write_reply(steps, "Chosen by habit.", best, shares[best])
        seen = hash_prompt(request.prompt)
        return Trace(case_id=request.case_id, text=text, model=self.name, prompt_hash=seen)


if __name__ == "__main__":
    cases = list(make_cases(n=300, seed=9, split="test"))
    requests = [Request(case_id=case.id, sample=0, prompt=write_prompt(case)) for case in cases]
    engines: list[Engine] = [PriorEngine("first", []), PriorEngine("prior", [*make_cases(n=2000, seed=9)])]
    right = {}
    for engine in engines:
        judged = judge_all(cases, [rollout.trace for rollout in engine.generate(requests, Sampling(), 0)])
        right[engine.name] = {case.id: verdict.scores["answer"].why == "right" for case, verdict in judged}
        for kind, tally in tally_kinds(judged).items():
            low, high = tally.ci95
            said = f"{tally.accuracy:.3f} ({low:.3f} to {high:.3f}), floor {tally.floor or '-'}"
            print(f"{engine.name:6} {kind:12} {said}")
    pair = compare_paired("first", "prior", right["first"], right["prior"], "world")
    low, high = pair.ci95
    print(f"prior - first: {pair.delta:+.3f} ({low:+.3f} to {high:+.3f}), p = {pair.p:.2g}, n = {pair.n}")
