"""Bedside scores against patients added up by hand from the published definitions."""

from pathlib import Path

import pytest
import yaml
from pydantic import TypeAdapter

from gazal.errors import KnowledgeError
from gazal.world import records
from gazal.world.records import BedsideScore
from gazal.world.scoring import points, risk_class, total

TEXT = (Path(records.__file__).parent / "facts" / "scores.yaml").read_text(encoding="utf-8")
SCORES = TypeAdapter(dict[str, BedsideScore]).validate_python(yaml.safe_load(TEXT))

# A patient with nothing wrong, per score; the rows below say what is different.
# fmt: off
WELL = {
    "curb65": {"confusion": "no new confusion", "urea": 5.0, "respiratory_rate": 18,
        "blood_pressure": "125/75"},
    "cha2ds2_vasc": {"heart_failure": "no heart failure", "hypertension": "no hypertension",
        "diabetes": "no diabetes mellitus", "stroke": "no earlier stroke or embolism",
        "vascular_disease": "no known vascular disease"},
    "has_bled": {"hypertension": 135, "kidney": "normal renal function", "liver": "normal liver tests",
        "stroke": "no stroke in the past", "bleeding": "no bleeding tendency", "inr": "a stable INR",
        "drugs": "no antiplatelet drug or NSAID", "alcohol": "abstinence from alcohol"},
    "wells_pe": {"dvt_signs": "no clinical signs of deep vein thrombosis",
        "alternative": "another diagnosis more likely than pulmonary embolism", "heart_rate": 80,
        "immobility": "no immobilisation or surgery in the previous four weeks",
        "previous": "no previous venous thromboembolism", "haemoptysis": "no haemoptysis",
        "malignancy": "no malignancy"},
    "wells_dvt": {"cancer": "no active cancer", "paralysis": "no paralysis or plaster cast of the legs",
        "bedridden": "no recent bed rest or major operation",
        "tenderness": "no tenderness along the deep veins", "whole_leg": "no swelling of the thigh",
        "calf": 1.0, "oedema": "no pitting oedema", "collaterals": "no collateral superficial veins",
        "previous": "no earlier deep vein thrombosis",
        "alternative": "no alternative as likely as deep vein thrombosis"},
    "perc": {"heart_rate": 80, "saturation": 98, "leg_swelling": "no unilateral leg swelling",
        "haemoptysis": "no coughing up of blood", "surgery": "no recent surgery or trauma",
        "previous": "no prior clot in leg or lung", "hormones": "no oestrogen use"},
    "spesi": {"cancer": "no history of cancer", "cardiopulmonary": "no chronic heart or lung disease",
        "heart_rate": 90, "systolic": 125, "saturation": 95},
    "qsofa": {"respiratory_rate": 16, "mental_state": "normal mentation", "systolic": 120},
    "child_pugh": {"bilirubin": 20, "albumin": 40, "inr": 1.1, "ascites": "no ascites",
        "encephalopathy": "no hepatic encephalopathy"},
    "glasgow_blatchford": {"urea": 5.0, "haemoglobin": 140, "systolic": 125, "pulse": 75,
        "melaena": "no melaena", "syncope": "no syncope", "hepatic_disease": "no hepatic disease",
        "cardiac_failure": "no cardiac failure"},
    "mcisaac": {"temperature": 37.0, "cough": "a cough", "nodes": "no tender anterior cervical nodes",
        "tonsils": "no tonsillar swelling or exudate"},
    "fever_pain": {"fever": "no fever in the last 24 hours", "purulence": "tonsils without pus",
        "attendance": 5, "inflammation": "no more than mild inflammation of the tonsils",
        "no_cough_or_coryza": "a marked cough with a runny nose"},
    "abcd2": {"blood_pressure": "an initial blood pressure of 124/76 mmHg",
        "features": "sensory symptoms without weakness or speech disturbance", "duration": 5,
        "diabetes": "no diabetes"},
    "alvarado": {"migration": "pain that has not moved", "anorexia": "a normal appetite",
        "nausea": "no nausea or vomiting", "tenderness": "no tenderness in the right iliac fossa",
        "rebound": "no rebound pain", "temperature": 36.8, "leucocytes": 7.5,
        "left_shift": "no left shift"},
    "timi_nstemi": {"risk_factors": "two risk factors for coronary disease",
        "known_stenosis": "no known coronary stenosis", "aspirin": "no aspirin in the last seven days",
        "angina": "a single episode of angina in 24 hours", "st_deviation": "no ST deviation",
        "markers": "normal cardiac markers"},
    "heart": {"history": "a slightly suspicious history", "ecg": "a normal ECG",
        "risk_factors": "no known cardiovascular risk factor",
        "troponin": "a troponin within the normal limit"},
    "bisap": {"urea": 5.0, "mental_state": "an unimpaired mental state", "sirs": "no SIRS criterion",
        "effusion": "no pleural effusion"},
    "glasgow_imrie": {"oxygen": 11.0, "leucocytes": 11.0, "calcium": 2.3, "urea": 6.0,
        "enzymes": "an LDH of 320 U/L with an AST of 80 U/L", "albumin": 39, "glucose": 7.0},
    "four_ts": {"thrombocytopenia": "a platelet fall of 20 %",
        "timing": "onset on day 2 of a first heparin exposure", "thrombosis": "no thrombosis",
        "other_causes": "a definite other cause of thrombocytopenia"},
}

# Named so that a row reads; each is the first phrase of its level.
LEG = "clinical signs of deep vein thrombosis"
PE_FIRST = "alternative diagnoses less likely than pulmonary embolism"
CYST = "an alternative at least as likely as deep vein thrombosis"
TENDER = "localised tenderness along the deep veins"
PITTING = "pitting oedema confined to the symptomatic leg"
CLOT = "a documented earlier deep vein thrombosis"
NODES = "tender anterior cervical nodes"
HIGH_BP = "an initial blood pressure of 158/86 mmHg"
MOVED = "migration of the pain to the right iliac fossa"
MCBURNEY = "tenderness in the right iliac fossa"
SHIFT = "a left shift of the neutrophils"
FALL_2 = "a platelet fall of 60 % to a nadir of 62 × 10⁹/L"
FALL_1 = "a platelet fall of 40 % to a nadir of 95 × 10⁹/L"
POSSIBLE = "a possible other cause of thrombocytopenia"
NO_OTHER = "no apparent other cause of thrombocytopenia"
ENZYMES = "an LDH of 780 U/L with an AST of 140 U/L"

# score, what differs from WELL, age, sex, total, class
PATIENTS = [
    ("curb65", {}, 40, "male", 0, "low risk"),
    ("curb65", {"urea": 9.4}, 70, "female", 2, "intermediate risk"),
    ("curb65", {"blood_pressure": "110/60", "respiratory_rate": 30}, 64, "male", 2, "intermediate risk"),
    ("curb65", {"confusion": "new confusion", "urea": 12.0, "respiratory_rate": 34}, 65, "male", 4,
        "high risk"),
    ("curb65", {"blood_pressure": "88/64"}, 50, "female", 1, "low risk"),
    ("cha2ds2_vasc", {}, 50, "male", 0, "low risk"),
    ("cha2ds2_vasc", {}, 50, "female", 1, "intermediate risk"),
    ("cha2ds2_vasc", {"hypertension": "hypertension", "diabetes": "diabetes mellitus"}, 70, "male", 3,
        "high risk"),
    ("cha2ds2_vasc", {"stroke": "an earlier ischaemic stroke"}, 75, "female", 5, "high risk"),
    ("cha2ds2_vasc", {"heart_failure": "congestive heart failure",
        "vascular_disease": "a previous myocardial infarction"}, 64, "male", 2, "high risk"),
    ("has_bled", {}, 65, "male", 0, "low risk"),
    ("has_bled", {"inr": "a labile INR"}, 66, "female", 2, "moderate risk"),
    ("has_bled", {"hypertension": 172, "kidney": "long-term dialysis"}, 70, "male", 3, "high risk"),
    ("has_bled", {"liver": "liver cirrhosis", "alcohol": "fourteen alcoholic drinks a week",
        "bleeding": "a previous major bleed"}, 58, "male", 3, "high risk"),
    ("has_bled", {"stroke": "a stroke in the past", "drugs": "concomitant clopidogrel"}, 60, "female", 2,
        "moderate risk"),
    ("wells_pe", {}, 60, "male", 0, "PE unlikely"),
    ("wells_pe", {"alternative": PE_FIRST, "haemoptysis": "haemoptysis"}, 44, "male", 4, "PE unlikely"),
    ("wells_pe", {"alternative": PE_FIRST, "heart_rate": 112}, 44, "female", 4.5, "PE likely"),
    ("wells_pe", {"dvt_signs": LEG, "alternative": PE_FIRST, "previous": "a previous pulmonary embolism"},
        30, "male", 7.5, "PE likely"),
    ("wells_pe", {"heart_rate": 104, "immobility": "surgery in the previous four weeks",
        "malignancy": "a malignancy under treatment"}, 71, "female", 4, "PE unlikely"),
    ("wells_dvt", {}, 50, "male", 0, "DVT unlikely"),
    ("wells_dvt", {"alternative": CYST}, 50, "female", -2, "DVT unlikely"),
    ("wells_dvt", {"calf": 3.4, "tenderness": TENDER}, 50, "female", 2, "DVT likely"),
    ("wells_dvt", {"calf": 4.0, "tenderness": TENDER, "oedema": PITTING, "alternative": CYST}, 61, "male",
        1, "DVT unlikely"),
    ("wells_dvt", {"cancer": "active cancer", "whole_leg": "swelling of the entire leg", "previous": CLOT,
        "calf": 2.9}, 66, "male", 3, "DVT likely"),
    ("wells_dvt", {"paralysis": "a recent plaster cast of the leg",
        "bedridden": "bed rest for the last four days", "collaterals": "collateral superficial veins"}, 35,
        "female", 3, "DVT likely"),
    ("perc", {}, 49, "female", 0, "PERC negative"),
    ("perc", {}, 50, "female", 1, "PERC positive"),
    ("perc", {"hormones": "use of oestrogen tablets"}, 24, "female", 1, "PERC positive"),
    ("perc", {"heart_rate": 108, "saturation": 93, "haemoptysis": "coughing up of blood"}, 38, "male", 3,
        "PERC positive"),
    ("perc", {"leg_swelling": "unilateral leg swelling",
        "surgery": "surgery under general anaesthesia two weeks ago",
        "previous": "a prior clot in the leg"}, 61, "male", 4, "PERC positive"),
    ("spesi", {}, 80, "male", 0, "low risk"),
    ("spesi", {}, 81, "male", 1, "high risk"),
    ("spesi", {"cancer": "a history of cancer", "heart_rate": 118}, 60, "female", 2, "high risk"),
    ("spesi", {"cardiopulmonary": "chronic heart failure", "systolic": 92, "saturation": 86}, 77, "male", 3,
        "high risk"),
    ("qsofa", {}, 30, "female", 0, "low risk"),
    ("qsofa", {"respiratory_rate": 24}, 30, "female", 1, "low risk"),
    ("qsofa", {"systolic": 96, "mental_state": "altered mentation"}, 80, "male", 2, "high risk"),
    ("qsofa", {"respiratory_rate": 22, "systolic": 100, "mental_state": "altered mentation"}, 55, "male", 3,
        "high risk"),
    ("child_pugh", {}, 55, "male", 5, "class A"),
    ("child_pugh", {"bilirubin": 40, "ascites": "slight ascites"}, 55, "male", 7, "class B"),
    ("child_pugh", {"albumin": 25, "inr": 1.9, "ascites": "slight ascites"}, 48, "female", 9, "class B"),
    ("child_pugh", {"bilirubin": 80, "albumin": 30, "ascites": "moderate to severe ascites",
        "encephalopathy": "grade 1 hepatic encephalopathy"}, 62, "male", 11, "class C"),
    ("child_pugh", {"bilirubin": 70, "albumin": 22, "inr": 2.8, "ascites": "moderate to severe ascites",
        "encephalopathy": "grade 3 hepatic encephalopathy"}, 50, "female", 15, "class C"),
    ("glasgow_blatchford", {}, 45, "male", 0, "low risk"),
    ("glasgow_blatchford", {"haemoglobin": 125}, 45, "male", 1, "low risk"),
    ("glasgow_blatchford", {"haemoglobin": 125, "melaena": "melaena", "pulse": 104}, 45, "female", 2,
        "high risk"),
    ("glasgow_blatchford", {"haemoglobin": 110, "urea": 8.6, "systolic": 104}, 70, "male", 7, "high risk"),
    ("glasgow_blatchford", {"haemoglobin": 110, "urea": 7.2, "syncope": "syncope"}, 70, "female", 5,
        "high risk"),
    ("glasgow_blatchford", {"urea": 26.0, "haemoglobin": 82, "systolic": 84, "pulse": 120,
        "melaena": "melaena", "syncope": "syncope", "hepatic_disease": "known hepatic disease",
        "cardiac_failure": "known cardiac failure"}, 74, "male", 23, "high risk"),
    ("mcisaac", {}, 50, "female", -1, "low risk"),
    ("mcisaac", {"temperature": 38.6}, 8, "male", 2, "intermediate risk"),
    ("mcisaac", {"cough": "no cough", "nodes": NODES, "tonsils": "tonsillar exudate"}, 20, "female", 3,
        "intermediate risk"),
    ("mcisaac", {"temperature": 39.0, "cough": "no cough", "nodes": NODES, "tonsils": "tonsillar exudate"},
        14, "male", 5, "high risk"),
    ("mcisaac", {"temperature": 38.0, "cough": "no cough"}, 45, "male", 0, "low risk"),
    ("fever_pain", {}, 30, "male", 0, "low likelihood"),
    ("fever_pain", {"attendance": 3, "fever": "fever in the last 24 hours"}, 22, "male", 2,
        "intermediate likelihood"),
    ("fever_pain", {"attendance": 4, "purulence": "pus on the tonsils"}, 19, "female", 1, "low likelihood"),
    ("fever_pain", {"fever": "fever in the last 24 hours", "purulence": "pus on the tonsils",
        "attendance": 2, "inflammation": "severely inflamed tonsils",
        "no_cough_or_coryza": "no cough or coryza"}, 12, "female", 5, "high likelihood"),
    ("abcd2", {}, 50, "male", 0, "low risk"),
    ("abcd2", {"features": "speech disturbance without weakness", "duration": 30}, 66, "female", 3,
        "low risk"),
    ("abcd2", {"features": "unilateral weakness", "duration": 20, "blood_pressure": HIGH_BP}, 55, "male", 4,
        "moderate risk"),
    ("abcd2", {"features": "unilateral weakness", "duration": 60, "blood_pressure": HIGH_BP}, 60, "male", 6,
        "high risk"),
    ("abcd2", {"features": "unilateral weakness", "duration": 59, "diabetes": "known diabetes"}, 72,
        "female", 5, "moderate risk"),
    ("alvarado", {}, 30, "male", 0, "low probability"),
    ("alvarado", {"tenderness": MCBURNEY, "leucocytes": 13.2}, 30, "male", 4, "low probability"),
    ("alvarado", {"tenderness": MCBURNEY, "leucocytes": 11.0, "nausea": "nausea with vomiting"}, 18,
        "female", 5, "intermediate probability"),
    ("alvarado", {"migration": MOVED, "anorexia": "loss of appetite", "nausea": "nausea with vomiting",
        "tenderness": MCBURNEY, "rebound": "rebound pain", "temperature": 37.8, "leucocytes": 15.0,
        "left_shift": SHIFT}, 22, "male", 10, "high probability"),
    ("alvarado", {"migration": MOVED, "tenderness": MCBURNEY, "rebound": "rebound pain",
        "temperature": 37.3, "leucocytes": 12.0}, 40, "female", 7, "high probability"),
    ("timi_nstemi", {}, 50, "male", 0, "low risk"),
    ("timi_nstemi", {"aspirin": "aspirin use in the last seven days"}, 65, "female", 2, "low risk"),
    ("timi_nstemi", {"risk_factors": "three risk factors for coronary disease",
        "markers": "raised cardiac markers"}, 70, "male", 3, "intermediate risk"),
    ("timi_nstemi", {"known_stenosis": "a known coronary stenosis of 60 %",
        "aspirin": "aspirin use in the last seven days", "angina": "two episodes of angina in 24 hours",
        "st_deviation": "ST depression of 1 mm", "markers": "raised cardiac markers"}, 60, "male", 5,
        "high risk"),
    ("heart", {}, 35, "female", 0, "low risk"),
    ("heart", {"history": "a moderately suspicious history",
        "risk_factors": "one cardiovascular risk factor"}, 50, "male", 3, "low risk"),
    ("heart", {"history": "a highly suspicious history", "ecg": "left bundle branch block"}, 58, "female",
        4, "moderate risk"),
    ("heart", {"history": "a highly suspicious history", "ecg": "significant ST depression on the ECG",
        "risk_factors": "three cardiovascular risk factors",
        "troponin": "a troponin at five times the normal limit"}, 70, "male", 10, "high risk"),
    ("heart", {"troponin": "a troponin at twice the normal limit", "ecg": "left bundle branch block"}, 65,
        "male", 4, "moderate risk"),
    ("bisap", {}, 60, "male", 0, "low risk"),
    ("bisap", {"urea": 9.6}, 61, "female", 2, "low risk"),
    ("bisap", {"urea": 9.0, "sirs": "two SIRS criteria", "effusion": "a pleural effusion"}, 44, "male", 3,
        "high risk"),
    ("bisap", {"urea": 14.0, "mental_state": "an impaired mental state", "sirs": "two SIRS criteria",
        "effusion": "a pleural effusion"}, 78, "male", 5, "high risk"),
    ("glasgow_imrie", {}, 55, "male", 0, "mild disease"),
    ("glasgow_imrie", {"leucocytes": 17.0}, 56, "female", 2, "mild disease"),
    ("glasgow_imrie", {"oxygen": 7.6, "calcium": 1.8, "albumin": 29}, 40, "male", 3, "severe disease"),
    ("glasgow_imrie", {"urea": 19.0, "glucose": 13.5, "enzymes": ENZYMES}, 63, "female", 4,
        "severe disease"),
    ("four_ts", {}, 60, "male", 0, "low probability"),
    ("four_ts", {"thrombocytopenia": FALL_1, "timing": "onset on day 7 of heparin"}, 60, "female", 3,
        "low probability"),
    ("four_ts", {"thrombocytopenia": FALL_1, "timing": "onset on day 7 of heparin",
        "thrombosis": "progressive thrombosis", "other_causes": POSSIBLE}, 57, "male", 5,
        "intermediate probability"),
    ("four_ts", {"thrombocytopenia": FALL_2, "timing": "onset on day 13 of heparin",
        "other_causes": POSSIBLE}, 71, "male", 4, "intermediate probability"),
    ("four_ts", {"thrombocytopenia": FALL_2, "timing": "onset on day 7 of heparin",
        "thrombosis": "a confirmed new thrombosis", "other_causes": NO_OTHER}, 52, "female", 8,
        "high probability"),
    ("four_ts", {"thrombocytopenia": FALL_2, "timing": "onset on day 7 of heparin",
        "other_causes": NO_OTHER}, 66, "male", 6, "high probability"),
]

# score, item, sex, (value, points) just before and at every published limit
LIMITS = [
    ("curb65", "urea", "male", [(7.0, 0), (7.1, 1)]),
    ("curb65", "respiratory_rate", "male", [(29, 0), (30, 1)]),
    ("curb65", "blood_pressure", "male", [("90/61", 0), ("89/61", 1), ("90/60", 1), ("89/60", 1)]),
    ("has_bled", "hypertension", "male", [(160, 0), (161, 1)]),
    ("wells_pe", "heart_rate", "male", [(100, 0), (101, 1.5)]),
    ("wells_dvt", "calf", "male", [(2.9, 0), (3.0, 1)]),
    ("perc", "heart_rate", "male", [(99, 0), (100, 1)]),
    ("perc", "saturation", "male", [(94, 1), (95, 0)]),
    ("spesi", "heart_rate", "male", [(109, 0), (110, 1)]),
    ("spesi", "systolic", "male", [(99, 1), (100, 0)]),
    ("spesi", "saturation", "male", [(89, 1), (90, 0)]),
    ("qsofa", "respiratory_rate", "male", [(21, 0), (22, 1)]),
    ("qsofa", "systolic", "male", [(100, 1), (101, 0)]),
    ("child_pugh", "bilirubin", "male", [(33, 1), (34, 2), (51, 2), (52, 3)]),
    ("child_pugh", "albumin", "male", [(36, 1), (35, 2), (28, 2), (27, 3)]),
    ("child_pugh", "inr", "male", [(1.6, 1), (1.7, 2), (2.3, 2), (2.4, 3)]),
    ("glasgow_blatchford", "urea", "male", [(6.4, 0), (6.5, 2), (7.9, 2), (8.0, 3), (9.9, 3), (10.0, 4),
        (24.9, 4), (25.0, 6)]),
    ("glasgow_blatchford", "haemoglobin", "male", [(130, 0), (129, 1), (120, 1), (119, 3), (100, 3), (99,
        6)]),
    ("glasgow_blatchford", "haemoglobin", "female", [(120, 0), (119, 1), (100, 1), (99, 6)]),
    ("glasgow_blatchford", "systolic", "male", [(110, 0), (109, 1), (100, 1), (99, 2), (90, 2), (89, 3)]),
    ("glasgow_blatchford", "pulse", "male", [(99, 0), (100, 1)]),
    ("mcisaac", "temperature", "male", [(38.0, 0), (38.1, 1)]),
    ("fever_pain", "attendance", "male", [(3, 1), (4, 0)]),
    ("abcd2", "duration", "male", [(9, 0), (10, 1), (59, 1), (60, 2)]),
    ("alvarado", "temperature", "male", [(37.2, 0), (37.3, 1)]),
    ("alvarado", "leucocytes", "male", [(10.0, 0), (10.1, 2)]),
    ("bisap", "urea", "male", [(8.9, 0), (9.0, 1)]),
    ("glasgow_imrie", "oxygen", "male", [(7.9, 1), (8.0, 0)]),
    ("glasgow_imrie", "leucocytes", "male", [(15.0, 0), (15.1, 1)]),
    ("glasgow_imrie", "calcium", "male", [(1.9, 1), (2.0, 0)]),
    ("glasgow_imrie", "urea", "male", [(16.0, 0), (16.1, 1)]),
    ("glasgow_imrie", "albumin", "male", [(31, 1), (32, 0)]),
    ("glasgow_imrie", "glucose", "male", [(10.0, 0), (10.1, 1)]),
]

AGES = [
    ("curb65", [(64, 0), (65, 1)]),
    ("cha2ds2_vasc", [(64, 0), (65, 1), (74, 1), (75, 2)]),
    ("has_bled", [(65, 0), (66, 1)]),
    ("perc", [(49, 0), (50, 1)]),
    ("spesi", [(80, 0), (81, 1)]),
    ("mcisaac", [(3, 1), (14, 1), (15, 0), (44, 0), (45, -1)]),
    ("abcd2", [(59, 0), (60, 1)]),
    ("timi_nstemi", [(64, 0), (65, 1)]),
    ("heart", [(44, 0), (45, 1), (64, 1), (65, 2)]),
    ("bisap", [(60, 0), (61, 1)]),
    ("glasgow_imrie", [(55, 0), (56, 1)]),
]

# score, (total, class) at both ends of every class
CLASSES = [
    ("curb65", [(1, "low risk"), (2, "intermediate risk"), (3, "high risk")]),
    ("cha2ds2_vasc", [(0, "low risk"), (1, "intermediate risk"), (2, "high risk")]),
    ("has_bled", [(0, "low risk"), (1, "moderate risk"), (2, "moderate risk"), (3, "high risk")]),
    ("wells_pe", [(4, "PE unlikely"), (4.5, "PE likely")]),
    ("wells_dvt", [(1, "DVT unlikely"), (2, "DVT likely")]),
    ("perc", [(0, "PERC negative"), (1, "PERC positive")]),
    ("spesi", [(0, "low risk"), (1, "high risk")]),
    ("qsofa", [(1, "low risk"), (2, "high risk")]),
    ("child_pugh", [(6, "class A"), (7, "class B"), (9, "class B"), (10, "class C")]),
    ("glasgow_blatchford", [(1, "low risk"), (2, "high risk")]),
    ("mcisaac", [(1, "low risk"), (2, "intermediate risk"), (3, "intermediate risk"), (4, "high risk")]),
    ("fever_pain", [(1, "low likelihood"), (2, "intermediate likelihood"), (3, "intermediate likelihood"),
        (4, "high likelihood")]),
    ("abcd2", [(3, "low risk"), (4, "moderate risk"), (5, "moderate risk"), (6, "high risk")]),
    ("alvarado", [(4, "low probability"), (5, "intermediate probability"), (6, "intermediate probability"),
        (7, "high probability")]),
    ("timi_nstemi", [(2, "low risk"), (3, "intermediate risk"), (4, "intermediate risk"), (5, "high risk")]),
    ("heart", [(3, "low risk"), (4, "moderate risk"), (6, "moderate risk"), (7, "high risk")]),
    ("bisap", [(2, "low risk"), (3, "high risk")]),
    ("glasgow_imrie", [(2, "mild disease"), (3, "severe disease")]),
    ("four_ts", [(3, "low probability"), (4, "intermediate probability"), (5, "intermediate probability"),
        (6, "high probability")]),
]
# fmt: on


@pytest.mark.parametrize(("score_id", "differs", "age", "sex", "expected", "name"), PATIENTS)
def test_a_patient_added_up_by_hand(score_id, differs, age, sex, expected, name):
    score = SCORES[score_id]
    assert set(differs) <= set(WELL[score_id])
    assert total(score, WELL[score_id] | differs, age, sex) == expected
    assert risk_class(score, expected) == name


def test_every_score_has_patients_of_every_class():
    for score_id, score in SCORES.items():
        rows = [row for row in PATIENTS if row[0] == score_id]
        assert len(rows) >= 4
        assert {row[5] for row in rows} == {entry.name for entry in score.classes}


@pytest.mark.parametrize(("score_id", "item_id", "sex", "pairs"), LIMITS)
def test_points_change_exactly_at_the_published_limit(score_id, item_id, sex, pairs):
    for value, expected in pairs:
        assert points(SCORES[score_id], item_id, value, 50, sex) == expected, value


@pytest.mark.parametrize(("score_id", "pairs"), AGES)
def test_age_counts_from_the_published_year(score_id, pairs):
    for age, expected in pairs:
        assert points(SCORES[score_id], "age", None, age, "male") == expected, age


@pytest.mark.parametrize(("score_id", "pairs"), CLASSES)
def test_a_class_begins_at_the_published_total(score_id, pairs):
    for value, name in pairs:
        assert risk_class(SCORES[score_id], value) == name, value


def test_every_level_is_worn_by_some_patient():
    shown = {(row[0], item, value) for row in PATIENTS for item, value in (WELL[row[0]] | row[1]).items()}
    for score_id, score in SCORES.items():
        for item_id, item in score.items.items():
            for level in getattr(item, "levels", ()):
                assert (score_id, item_id, level.phrases[0]) in shown


def test_no_measured_item_is_left_out_of_the_limits():
    measured = {
        (score_id, item_id)
        for score_id, score in SCORES.items()
        for item_id, item in score.items.items()
        if item.type in ("number", "pressure")
    }
    assert measured == {(row[0], row[1]) for row in LIMITS}
    assert {key for key, score in SCORES.items() if "age" in score.items} == {row[0] for row in AGES}
    assert set(SCORES) == {row[0] for row in CLASSES}


@pytest.mark.parametrize(
    ("item_id", "value", "sex"),
    [
        ("confusion", "a bad mood", "male"),
        ("urea", -1.0, "male"),
        ("urea", 7.05, "male"),
        ("urea", "7.2", "male"),
        ("urea", float("nan"), "male"),
        ("urea", None, "male"),
        ("urea", 7.0, "unknown"),
        ("blood_pressure", "110", "male"),
        ("pulse", 80, "male"),
    ],
)
def test_an_unknown_value_is_named(item_id, value, sex):
    with pytest.raises(KnowledgeError) as caught:
        points(SCORES["curb65"], item_id, value, 50, sex)
    assert all(part in str(caught.value) for part in ("CURB-65", item_id, repr(value)))


def test_total_refuses_a_missing_item_and_one_too_many():
    values = WELL["qsofa"]
    with pytest.raises(KnowledgeError, match="systolic: value None"):
        total(SCORES["qsofa"], {k: v for k, v in values.items() if k != "systolic"}, 50, "male")
    with pytest.raises(KnowledgeError, match="item pulse: value 80"):
        total(SCORES["qsofa"], values | {"pulse": 80}, 50, "male")


def test_a_total_below_every_class_has_no_class():
    with pytest.raises(KnowledgeError, match="item total: value 4"):
        risk_class(SCORES["child_pugh"], 4)
