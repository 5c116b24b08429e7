"""How far the world's knowledge agrees with public knowledge bases.

    python benchmarks/agreement.py [DATA]

DATA holds ``kb_ddxplus`` and ``kb_pharmacotherapydb`` (default: $GAZAL_DATA). Prints the tables of
``docs/knowledge.md``. The DDXPlus figures describe a simulated population: where ours differ, that is
reported, not mended, unless ours are clinically wrong.
"""

import csv
import json
import os
import sys
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.stats import spearmanr

from gazal.world.knowledge import load_knowledge

DISEASES = {
    "stable_angina": "coronary artery disease",
    "hypertension_diabetes": "hypertension",
    "hypertension_pregnancy": "hypertension",
    "allergic_rhinitis": "allergic rhinitis",
    "ulcerative_colitis": "ulcerative colitis",
    "migraine": "migraine",
    "migraine_prevention": "migraine",
    "focal_epilepsy": "epilepsy syndrome",
    "parkinson_disease": "Parkinson's disease",
    "type_2_diabetes": "type 2 diabetes mellitus",
    "hyperthyroidism": "Graves' disease",
    "osteoporosis": "osteoporosis",
    "gout": "gout",
    "gout_prevention": "gout",
    "rheumatoid_arthritis": "rheumatoid arthritis",
    "osteoarthritis": "osteoarthritis",
    "systemic_lupus": "systemic lupus erythematosus",
    "severe_psoriasis": "psoriasis",
    "atopic_eczema": "atopic dermatitis",
    "bipolar": "bipolar disorder",
    "alcohol_dependence": "alcohol dependence",
    "malaria_prevention": "malaria",
    "open_angle_glaucoma": "glaucoma",
    "major_depression": "endogenous depression",
    "kidney_stone": "nephrolithiasis",
}
"""Our problem to the disease of PharmacotherapyDB that comes nearest."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """One (condition, finding) pair that both sides speak of."""

    condition: str
    finding: str
    ours: float
    theirs: float
    source: str
    """``dataset``, ``estimate``, or ``background`` where our condition does not name the finding."""
    antecedent: bool
    """Whether DDXPlus takes it as history rather than as a symptom."""


def compare_ddxplus(root: Path) -> list[Link]:
    """All pairs of a mapped condition and a mapped yes-or-no finding that DDXPlus has above 0."""
    knowledge, folder = load_knowledge(), root / "kb_ddxplus"
    table = json.loads((folder / "symptom_condition_probs.json").read_text())["probabilities"]
    evidences = json.loads((folder / "release_evidences.json").read_text())
    links = []
    for name, condition in knowledge.conditions.items():
        for finding_id, finding in knowledge.findings.items():
            code = finding.ddxplus
            if condition.ddxplus is None or code is None or evidences[code]["data_type"] != "B":
                continue
            theirs, own = table[condition.ddxplus].get(code, 0.0), condition.findings.get(finding_id)
            if theirs > 0.0 or own is not None:
                links.append(
                    Link(
                        condition=name,
                        finding=finding_id,
                        ours=knowledge.likelihood(finding_id, name),
                        theirs=theirs,
                        source=own.source.partition(":")[0] if own else "background",
                        antecedent=evidences[code]["is_antecedent"],
                    )
                )
    return links


def compare_pharmacotherapy(root: Path) -> list[tuple[str, str, str]]:
    """(problem, drug, category) for every choice of ours that PharmacotherapyDB lists for the disease."""
    with (root / "kb_pharmacotherapydb" / "indications.tsv").open(newline="") as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    knowledge, found = load_knowledge(), []
    for problem, disease in DISEASES.items():
        listed = {row["drug"].lower(): row["category"] for row in rows if row["disease"] == disease}
        for drug in knowledge.treatments[problem].choices:
            name = knowledge.drugs[drug].name.lower()
            category = next((listed[known] for known in sorted(listed, key=len)[::-1] if known in name), None)
            if category:
                found.append((problem, drug, category))
    return found


def main() -> None:
    if len(sys.argv) < 2 and "GAZAL_DATA" not in os.environ:
        sys.exit("agreement.py: pass the folder of kb_ddxplus and kb_pharmacotherapydb, or set GAZAL_DATA.")
    root = Path(sys.argv[1] if len(sys.argv) > 1 else os.environ["GAZAL_DATA"])
    knowledge, links = load_knowledge(), compare_ddxplus(root)
    sources = Counter(
        f.source.partition(":")[0] for c in knowledge.conditions.values() for f in c.findings.values()
    )
    total = sum(sources.values())
    shares = ", ".join(f"{name} {n} ({n / total:.1%})" for name, n in sources.most_common())
    print(f"P(finding | condition), {total} figures: {shares}")
    print(
        "\n| our figure | DDXPlus calls it | pairs | DDXPlus lists it | mean absolute difference | Spearman |"
    )
    print("|---|---|---|---|---|---|")
    for source in ("dataset", "estimate", "background"):
        for antecedent in (False, True):
            chosen = [link for link in links if (link.source, link.antecedent) == (source, antecedent)]
            both = [link for link in chosen if link.theirs > 0.0]
            ours, theirs = (np.array([getattr(link, side) for link in both]) for side in ("ours", "theirs"))
            rho = f"{spearmanr(ours, theirs)[0]:.2f}" if source != "background" else "-"
            what = "antecedent" if antecedent else "symptom"
            off = np.abs(ours - theirs).mean()
            print(f"| {source} | {what} | {len(chosen)} | {len(both)} | {off:.2f} | {rho} |")
    print("\nlargest differences, both sides listing the pair:")
    apart = sorted((li for li in links if li.theirs > 0.0), key=lambda li: -abs(li.ours - li.theirs))
    for link in apart[:15]:
        print(f"| {link.condition} | {link.finding} | {link.ours:.2f} ({link.source}) | {link.theirs:.2f} |")
    found = compare_pharmacotherapy(root)
    print(f"\nPharmacotherapyDB lists {len(found)} of our choices: {dict(Counter(c for _, _, c in found))}")
    print("not indicated there:", [(problem, drug) for problem, drug, category in found if category == "NOT"])


if __name__ == "__main__":
    main()
